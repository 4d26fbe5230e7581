"""Values without structure: their schemas in the three dialects, and strategies for them.

A `Sample` is a schema as it stands in a document, with a strategy for values that it allows; what
it refers to is put into `Primitives.components`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from hypothesis import strategies as st

Schema: TypeAlias = dict[str, Any]
Draw: TypeAlias = Callable[[st.SearchStrategy[Any]], Any]

VERSIONS = ("3.0.4", "3.1.1", "3.2.0")
LETTERS = st.text("abcxyz", min_size=1, max_size=4)
# What separates, what must be encoded, and what is not ASCII.
TRICKY = st.text("ab,|;=&.+ %/?#[]{}\"'~é€\U0001f408", max_size=5)
PATTERNS = {
    "^[a-c]{2,4}$": st.text("abc", min_size=2, max_size=4),
    "[0-9]": st.sampled_from(["1", "a1b", "2024"]),
    "^x-[a-z]+$": st.sampled_from(["x-a", "x-abc"]),
}
FORMATS = {
    "date": st.dates().map(lambda day: day.isoformat()),
    "date-time": st.sampled_from(["2024-02-29T10:00:00Z", "1999-12-31T23:59:59.5+01:00"]),
    "uuid": st.uuids().map(str),
    "email": st.sampled_from(["a@example.com", "first.last@example.org"]),
    "ipv4": st.sampled_from(["127.0.0.1", "8.8.8.8"]),
    "password": LETTERS,
    "x-unknown": LETTERS,
}


@dataclass(frozen=True, slots=True)
class Sample:
    """A schema, and values that it allows."""

    schema: Schema
    values: st.SearchStrategy[Any]


@dataclass(slots=True)
class Primitives:
    """Draws schemas for one document; `components` is what they refer to."""

    draw: Draw
    version: str
    components: dict[str, Schema] = field(default_factory=dict[str, Schema])

    @property
    def is_old(self) -> bool:
        """Whether the document speaks the 3.0 dialect."""
        return self.version.startswith("3.0")

    def chance(self, percent: int) -> bool:
        """True about so often; shrinks to False."""
        return bool(self.draw(st.integers(0, 99)) >= 100 - percent)

    def pick(self, *choices: Any) -> Any:
        """One of them; shrinks to the first."""
        return self.draw(st.sampled_from(choices))

    def primitive(self) -> Sample:
        """A value without structure, sometimes behind a reference or beside null."""
        make = self.pick(
            self.string, self.integer, self.number, self.boolean, self.enum, self.format
        )
        return self.wrapped(make())

    def wrapped(self, sample: Sample) -> Sample:
        """The same, perhaps by name, perhaps as one part of a composition."""
        choice = self.draw(st.integers(0, 11))
        if choice == 9:
            return self.named(sample)
        if choice == 10:
            return Sample({"allOf": [sample.schema]}, sample.values)
        return sample

    def named(self, sample: Sample) -> Sample:
        """A reference to the schema."""
        name = f"Part{len(self.components)}"
        self.components[name] = sample.schema
        return Sample(reference(name), sample.values)

    def integer(self) -> Sample:
        """Integers, bounded in many ways."""
        low = self.draw(st.integers(-5, 5))
        high = low + self.draw(st.integers(1, 100))
        schema: Schema = {"type": "integer"}
        kind = self.draw(st.integers(0, 5))
        if kind == 1:
            schema |= {"minimum": low, "maximum": high}
        elif kind == 2:
            schema |= self.above(low)
        elif kind == 3:
            schema |= {"multipleOf": 2}
            return Sample(schema, st.integers(-50, 50).map(lambda one: 2 * one))
        elif kind == 4:
            name, bits = self.pick(("int32", 31), ("int64", 63))
            schema |= {"format": name}
            return Sample(schema, st.integers(-(2**bits), 2**bits - 1))
        values = {1: st.integers(low, high), 2: st.integers(low + 1, high + 1)}
        return Sample(schema, values.get(kind, st.integers(-(2**64), 2**64)))

    def above(self, low: int) -> Schema:
        """An exclusive minimum, as the dialect says it."""
        if self.is_old:
            return {"minimum": low, "exclusiveMinimum": True}
        return {"exclusiveMinimum": low}

    def number(self) -> Sample:
        """Numbers; few digits, so that text and value are the same."""
        quarters = st.integers(-400, 400).map(lambda one: one / 4)
        if self.chance(40):
            return Sample({"type": "number", "minimum": 0}, quarters.map(abs))
        return Sample({"type": "number"}, quarters)

    def boolean(self) -> Sample:
        """True and false."""
        return Sample({"type": "boolean"}, st.booleans())

    def string(self) -> Sample:
        """Text, with lengths or patterns."""
        kind = self.draw(st.integers(0, 3))
        if kind == 1:
            pattern, values = self.draw(st.sampled_from(sorted(PATTERNS.items(), key=str)))
            return Sample({"type": "string", "pattern": pattern}, values)
        if kind == 2:
            low = self.draw(st.integers(0, 2))
            schema = {"type": "string", "minLength": low, "maxLength": low + 3}
            return Sample(schema, st.text("ab é", min_size=low, max_size=low + 3))
        return Sample({"type": "string"}, st.one_of(LETTERS, TRICKY))

    def format(self) -> Sample:
        """Text of a format."""
        name = self.draw(st.sampled_from(sorted(FORMATS)))
        return Sample({"type": "string", "format": name}, FORMATS[name])

    def enum(self) -> Sample:
        """One of a few values, with or without a type."""
        kind = self.pick("string", "integer")
        words: list[Any] = ["red", "green", "1"] if kind == "string" else [1, 2, 30]
        schema = {"type": kind, "enum": words}
        if not self.is_old and self.chance(20):
            return Sample({"type": kind, "const": words[0]}, st.just(words[0]))
        return Sample(schema, st.sampled_from(words))

    def nullable(self, sample: Sample) -> Sample:
        """Null beside what else is allowed; only for schemas with one type."""
        kind = sample.schema.get("type")
        if not isinstance(kind, str) or "enum" in sample.schema or "const" in sample.schema:
            return sample
        change = {"nullable": True} if self.is_old else {"type": [kind, "null"]}
        return Sample(sample.schema | change, st.one_of(st.none(), sample.values))


def reference(name: str) -> Schema:
    """A reference to a schema of the document."""
    return {"$ref": f"#/components/schemas/{name}"}
