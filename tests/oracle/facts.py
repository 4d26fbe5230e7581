"""What a listed difference may look at: one case, and the two verdicts on it."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl

from tests.oracle.cases import FORM, NAME, Case, resolve
from tests.oracle.judges import Accepted, Crashed, Refused, Verdict
from tests.oracle.primitives import Schema

# Words whose value is no schema.
NO_SCHEMA = ("enum", "const", "default", "discriminator")


@dataclass(frozen=True)
class Facts:
    """A case and the verdicts of brrt (`mine`) and openapi-core (`theirs`)."""

    case: Case
    mine: Verdict
    theirs: Verdict

    def refused(self, *words: str) -> bool:
        """Whether only openapi-core refuses, with these words."""
        if isinstance(self.mine, Accepted) and isinstance(self.theirs, Refused):
            return all(one in self.theirs.why for one in words)
        return False

    def let_through(self, *words: str) -> bool:
        """Whether only brrt refuses, with these words."""
        if isinstance(self.mine, Refused) and isinstance(self.theirs, Accepted):
            return all(one in self.mine.why for one in words)
        return False

    def crashed(self, *words: str) -> bool:
        """Whether openapi-core crashes, with these words."""
        return isinstance(self.theirs, Crashed) and all(one in self.theirs.why for one in words)

    @property
    def both_accept(self) -> bool:
        """Whether only the values differ."""
        return isinstance(self.mine, Accepted) and isinstance(self.theirs, Accepted)

    @property
    def part(self) -> Any:
        """What the document is about."""
        return self.case.part

    @cached_property
    def schemas(self) -> list[Schema]:
        """The part's schema and all below it."""
        return list(walk(self.part.document, self.part.schema))

    @cached_property
    def types(self) -> set[str]:
        """All types below the part's schema."""
        found: set[str] = set()
        for one in self.schemas:
            kind = one.get("type", ())
            found |= {kind} if isinstance(kind, str) else set(kind)
        return found

    @cached_property
    def top(self) -> set[str]:
        """The types at the top of the part's schema, through `allOf`, `oneOf` and `anyOf`."""
        return set(top_types(self.part.document, self.part.schema))

    @property
    def is_structure(self) -> bool:
        """Whether the part may be an array or an object."""
        return bool(self.top & {"array", "object"})

    def has(self, word: str, kind: type = object) -> bool:
        """Whether a keyword with such a value stands anywhere in the schema."""
        return any(isinstance(one.get(word), kind) for one in self.schemas if word in one)

    @property
    def components(self) -> set[str]:
        """The names of all schemas of the document."""
        return set(self.part.document.get("components", {}).get("schemas", ()))

    @property
    def mapped(self) -> set[str]:
        """What discriminators map to."""
        hints = [one["discriminator"] for one in self.schemas if "discriminator" in one]
        return {target for hint in hints for target in hint.get("mapping", {}).values()}

    @property
    def raw(self) -> str:
        """What was sent, as it stands on the wire: of a body or an answer all of it."""
        sent, location = self.case.sent, self.part.location
        if location == "path":
            return sent.path.removeprefix("/x/")
        if location == "header":
            return sent.header(NAME) or ""
        if location == "body":
            return sent.body.decode("latin-1")
        if self.case.answer is not None:
            return self.case.answer.body.decode("latin-1")
        return sent.query if location == "query" else sent.header("cookie") or ""

    @cached_property
    def whole(self) -> list[str]:
        """The texts that were sent, each decoded as a whole; of pairs names and values."""
        mock = self.case.sent.mock()
        location = self.part.location
        if location == "path":
            return [mock.path.removeprefix("/x/")]
        if location == "header":
            return [mock.parameters.header.get(NAME, "")]
        if location == "body":
            is_form = self.part.media_type == FORM
            fields = parse_qsl(self.raw, keep_blank_values=True) if is_form else [("", self.raw)]
            return [text for pair in fields for text in pair]
        parameters = mock.parameters
        pairs: Any = parameters.query if location == "query" else parameters.cookie
        return [text for pair in pairs.items(multi=True) for text in pair]

    @property
    def texts(self) -> list[str]:
        """The same, and their pieces between all that may stand between pieces."""
        splits = (r"[,|=]|%20| ", r"[,|=]")
        return [
            piece
            for text in self.whole
            for piece in (text, *(one for split in splits for one in re.split(split, text)))
        ]


def walk(document: Mapping[str, Any], schema: Any, seen: tuple[str, ...] = ()) -> Iterator[Schema]:
    """All schemas within a schema, through references."""
    if isinstance(schema, list):
        for one in schema:
            yield from walk(document, one, seen)
    if not isinstance(schema, dict):
        return
    if "$ref" in schema:
        if schema["$ref"] not in seen:
            yield from walk(document, resolve(document, schema), (*seen, schema["$ref"]))
        return
    yield schema
    for word, inner in schema.items():
        if word in ("properties", "patternProperties"):
            yield from walk(document, list(inner.values()), seen)
        elif word not in NO_SCHEMA:
            yield from walk(document, inner, seen)


def top_types(document: Mapping[str, Any], schema: Schema) -> Iterator[str]:
    """Types that a value may have."""
    schema = resolve(document, schema)
    kind = schema.get("type", ())
    yield from [kind] if isinstance(kind, str) else kind
    for word in ("allOf", "oneOf", "anyOf"):
        for one in schema.get(word, ()):
            yield from top_types(document, one)
