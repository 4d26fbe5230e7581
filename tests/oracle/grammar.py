"""Schemas of every kind, each with a strategy for values that it allows.

Nothing here knows of HTTP.
"""

import json
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from tests.oracle.primitives import LETTERS, Primitives, Sample, Schema, reference

# The methods of `Grammar` that make a schema of a JSON value, those of 3.1 and later last.
NEW_KINDS = ("tuple_", "conditional")
KINDS = (
    "object", "leaf", "array", "flat", "with_defaults", "extended", "alternatives", "tagged",
    "inherited", "recursive", "with_hidden", *NEW_KINDS,
)  # fmt: skip
SMALL = st.integers(1, 9)
CONDITIONAL: tuple[tuple[Schema, list[Any]], ...] = (
    ({"if": {"type": "integer"}, "then": {"minimum": 10}, "else": {"type": "string"}}, [10, "a"]),
    ({"type": "object", "dependentRequired": {"a": ["b"]}}, [{"a": 1, "b": 2}, {"b": 1}]),
    ({"type": "object", "patternProperties": {"^a": {"type": "integer"}}}, [{"ab": 1, "b": "x"}]),
    ({"type": "object", "propertyNames": {"maxLength": 2}}, [{"a": 1, "bb": 2}, {}]),
    ({"type": "array", "contains": {"type": "integer"}, "minContains": 2}, [[1, "a", 2]]),
    (
        {
            "allOf": [{"properties": {"a": {"type": "integer"}}}],
            "type": "object",
            "unevaluatedProperties": False,
        },
        [{"a": 1}, {}],
    ),
    ({"type": ["string", "integer"]}, ["a", 1]),
    ({"type": "array", "items": {"not": {"type": "null"}}}, [[1, "a"], []]),
    ({"const": {"a": [1, None]}}, [{"a": [1, None]}]),
    ({"type": "object", "dependentSchemas": {"a": {"required": ["b"]}}}, [{"a": 1, "b": 1}]),
)


class Grammar(Primitives):
    """Draws schemas for one document."""

    def array(self, items: Sample) -> Sample:
        """A list of items."""
        unique = self.chance(25)
        low = self.draw(st.integers(0, 1 if unique else 2))  # there may be one value only
        high = low + self.draw(st.integers(0, 2)) + 1
        schema: Schema = {"type": "array", "items": items.schema}
        if self.chance(50):
            schema |= {"minItems": low, "maxItems": high}
        if unique:
            schema["uniqueItems"] = True
        # What is one and the same in JSON, such as 1 and 1.0, is the same in the list.
        lists = st.lists(items.values, min_size=low, max_size=high, unique_by=_canonical)
        plain = st.lists(items.values, min_size=low, max_size=high)
        return Sample(schema, lists if unique else plain)

    def tuple_(self) -> Sample:
        """A list with a schema for each place (3.1 and later)."""
        first, second = self.primitive(), self.primitive()
        schema = {
            "type": "array",
            "prefixItems": [first.schema, second.schema],
            "items": self.pick(False, {"type": "integer"}),
            "minItems": 2,
        }
        return Sample(schema, st.tuples(first.values, second.values).map(list))

    def object(self, member: Callable[[], Sample], *, names: str = "abcd") -> Sample:
        """An object whose members are drawn one by one."""
        wanted = self.draw(st.lists(st.sampled_from(names), min_size=1, max_size=3, unique=True))
        members = {name: member() for name in sorted(wanted)}
        required = [name for name in members if self.chance(50)]
        schema: Schema = {
            "type": "object",
            "properties": {name: one.schema for name, one in members.items()},
        }
        if required:
            schema["required"] = required
        optional = {name: one.values for name, one in members.items() if name not in required}
        needed = {name: members[name].values for name in required}
        values = st.fixed_dictionaries(needed, optional=optional)
        closing = self.draw(st.integers(0, 3))
        if closing == 1:
            schema["additionalProperties"] = False
        elif closing == 2:
            schema["additionalProperties"] = {"type": "integer"}
            values = st.tuples(values, st.dictionaries(st.just("more"), st.integers(0, 9))).map(
                lambda pair: pair[0] | pair[1]
            )
        return Sample(schema, values)

    def anything(self, depth: int = 2) -> Sample:
        """Any schema that a JSON body may have."""
        if depth == 0:
            return self.leaf()
        names = [name for name in KINDS if not (self.is_old and name in NEW_KINDS)]
        return self.kind(self.draw(st.sampled_from(names)), depth)

    def kind(self, name: str, depth: int = 2) -> Sample:
        """A schema of one kind."""
        make: Callable[[], Sample] = getattr(self, name)
        if name == "object":
            return self.object(lambda: self.anything(depth - 1))
        if name == "array":
            return self.array(self.anything(depth - 1))
        return make()

    def flat(self) -> Sample:
        """A named object without structures in it."""
        return self.named(self.object(self.leaf))

    def leaf(self) -> Sample:
        """A primitive, perhaps null."""
        one = self.primitive()
        return self.nullable(one) if self.chance(20) else one

    def with_defaults(self) -> Sample:
        """An object whose members may be left out, since they have defaults."""
        size: Schema = {"type": "integer", "minimum": 1, "default": 5}
        deep = self.object_of(
            {"color": ({"type": "string", "default": "red"}, LETTERS), "size": (size, SMALL)}
        )
        kind: Schema = {"type": "string", "enum": ["cat", "dog"], "default": "dog"}
        return self.object_of(
            {"kind": (kind, st.sampled_from(["cat", "dog"])), "deep": (deep.schema, deep.values)}
        )

    @staticmethod
    def object_of(members: dict[str, tuple[Schema, st.SearchStrategy[Any]]]) -> Sample:
        """An object without any required member."""
        schema = {"type": "object", "properties": {name: one[0] for name, one in members.items()}}
        optional = {name: one[1] for name, one in members.items()}
        return Sample(schema, st.fixed_dictionaries({}, optional=optional))

    def extended(self) -> Sample:
        """Two objects in one by `allOf`."""
        first = self.named(self.open_object("ab"))
        second = self.open_object("cd")
        values = st.tuples(first.values, second.values).map(lambda pair: pair[0] | pair[1])
        return Sample({"allOf": [first.schema, second.schema]}, values)

    def open_object(self, names: str) -> Sample:
        """An object that leaves alone what it does not name."""
        sample = self.object(self.leaf, names=names)
        schema = {key: one for key, one in sample.schema.items() if key != "additionalProperties"}
        known = frozenset(schema["properties"])
        values = sample.values.map(
            lambda value: {name: one for name, one in value.items() if name in known}
        )
        return Sample(schema, values)

    def alternatives(self) -> Sample:
        """`oneOf` or `anyOf` of values that differ in type."""
        word = self.pick("oneOf", "anyOf")
        branches = [
            Sample({"type": "integer", "minimum": 0}, st.integers(0, 9)),
            Sample({"type": "string", "minLength": 1}, LETTERS),
            self.open_object("ab"),
            Sample({"type": "array", "items": {"type": "boolean"}}, st.lists(st.booleans())),
        ]
        chosen = self.draw(st.lists(st.sampled_from(range(4)), min_size=2, max_size=3, unique=True))
        some = [branches[index] for index in sorted(chosen)]
        return Sample({word: [one.schema for one in some]}, st.one_of([one.values for one in some]))

    def tagged(self) -> Sample:
        """`oneOf` or `anyOf` with a discriminator, with and without a mapping.

        The branches overlap, so that it is the tag that decides.
        """
        branches = {}
        for name, number in (("Cat", "integer"), ("Dog", "boolean")):
            key = f"{name}{len(self.components)}"
            tag = key if self.chance(50) else name.lower()
            branches[tag] = key, number
            self.components[key] = {
                "type": "object",
                "required": ["kind"],
                "properties": {"kind": {"type": "string"}, "n": {"type": number}},
            }
        prefix = self.pick("#/components/schemas/", "#/components/schemas/", "")
        mapping = {tag: prefix + key for tag, (key, _) in branches.items()}
        implied = all(tag == key for tag, (key, _) in branches.items())
        hint: Schema = {"propertyName": "kind"} | ({} if implied else {"mapping": mapping})
        schema = {
            self.pick("oneOf", "anyOf"): [reference(key) for key, _ in branches.values()],
            "discriminator": hint,
        }
        numbers = {"integer": SMALL, "boolean": st.booleans()}
        values = [
            st.fixed_dictionaries({"kind": st.just(tag)}, optional={"n": numbers[number]})
            for tag, (_, number) in branches.items()
        ]
        return Sample(schema, st.one_of(values))

    def inherited(self) -> Sample:
        """A parent with a discriminator, or a child that extends it by `allOf`."""
        parent, child = f"Pet{len(self.components)}", f"Bird{len(self.components)}"
        self.components[parent] = {
            "type": "object",
            "required": ["kind"],
            "properties": {"kind": {"type": "string"}},
            "discriminator": {"propertyName": "kind"},
        }
        wings = {"properties": {"wings": {"type": "integer", "default": 2}}}
        self.components[child] = {"allOf": [reference(parent), {"type": "object", **wings}]}
        values = st.fixed_dictionaries({"kind": st.just(child)}, optional={"wings": SMALL})
        return Sample(reference(self.pick(parent, child)), values)

    def recursive(self) -> Sample:
        """A tree."""
        name = f"Tree{len(self.components)}"
        self.components[name] = {
            "type": "object",
            "required": ["name"],
            "properties": {
                "name": {"type": "string", "minLength": 1},
                "children": {"type": "array", "items": reference(name)},
            },
        }
        values: st.SearchStrategy[Any] = st.fixed_dictionaries({"name": LETTERS})
        for _ in range(2):
            children = st.lists(values, max_size=2)
            values = st.fixed_dictionaries({"name": LETTERS}, optional={"children": children})
        return Sample(reference(name), values)

    def with_hidden(self) -> Sample:
        """An object with a member that only responses have, and one that only requests have."""
        required = self.pick([], ["id"], ["secret"], ["id", "name", "secret"])
        schema: Schema = {
            "type": "object",
            "properties": {
                "id": {"type": "integer", "readOnly": True},
                "name": {"type": "string"},
                "secret": {"type": "string", "writeOnly": True},
            },
        }
        if required:
            schema["required"] = required
        optional = {"id": SMALL, "secret": LETTERS}
        return Sample(schema, st.fixed_dictionaries({"name": LETTERS}, optional=optional))

    def conditional(self) -> Sample:
        """Words that 3.0 does not have."""
        schema, values = self.pick(*CONDITIONAL)
        return Sample(schema, st.sampled_from(values))


def _canonical(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return json.dumps(value, sort_keys=True)
