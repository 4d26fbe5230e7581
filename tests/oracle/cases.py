"""Documents around one parameter or one body, and requests that they may or may not allow.

One part for each document keeps every difference traceable to what was sent for it; operations
of several parts come from `whole`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from hypothesis import strategies as st

from tests.oracle import wires
from tests.oracle.breaking import broken
from tests.oracle.grammar import Grammar
from tests.oracle.primitives import Draw, Sample, Schema
from tests.oracle.wires import Given, Sent

NAME = "p"
REQUESTS = 6  # to each document
# Texts in the place of a parameter's own, still to be percent-encoded.
TEXTS = (
    "", "0", "1", "01", "+1", "-0", "1_0", " 1", "1.0", "1.5", ".5", "1e2", "1E400", "0x1", "nan",
    "inf", "\u0661", "true", "false", "TRUE", "yes", "null", "none", "a", "abc", "red", "a b",
    "a+b", "a,b", "a|b", "a=b", "a;b", "a.b", "a&b", "a%2Cb", "%", "%zz", "é", "☃", "{}", "[1]",
    '"a"', "2024-02-29", "2024-02-30", "9007199254740993", "99999999999999999999",
)  # fmt: skip
# The same for what may be an array or an object.
STRUCTURED = (
    "1,2", "1,2,3", "1,x", ",", "1,", "1|2", "1 2", "1+2", "true,false", "a,b", "red,green",
    "a=1,b=2", "a,1,b,2", "a,1,b", "a=1", "b,x,a,1,c,2", "a=1,a=2", "b=true,a=red",
)  # fmt: skip
# Bytes in the place of a body.
BODIES = (
    b"", b" ", b"{", b"nul", b"[1,]", b'{"a": 1} x', b"'a'", b'"\\ud800"', b"1 2", b"[1e400]",
    b"NaN",
    b'{"a": 1, "a": 2}', b"\xff", b'"\xff"', b"\xef\xbb\xbf{}", b"a=1", b"a=1&a=2", b"a=%FF", b"=",
    b"a", b"{}",
    b"[]", b"null", b"0", b'""', b"1e2", b"1.0", b"-0", b'{"id": 1}', b"[" * 40 + b"]" * 40,
)  # fmt: skip
JSON, FORM, MULTIPART = (
    "application/json",
    "application/x-www-form-urlencoded",
    "multipart/form-data",
)
MEDIA_TYPES = ("application/merge-patch+json", FORM, MULTIPART, "text/plain")
PLACES = (
    ("query", "form", True),
    ("query", "form", False),
    ("path", "simple", False),
    ("path", "simple", True),
    ("header", "simple", False),
    ("header", "simple", True),
    ("cookie", "form", False),
    ("cookie", "form", True),
    ("query", "pipeDelimited", False),
    ("query", "spaceDelimited", False),
    ("query", "pipeDelimited", True),
    ("query", "deepObject", True),
    ("path", "label", False),
    ("path", "label", True),
    ("path", "matrix", False),
    ("path", "matrix", True),
)


@dataclass(frozen=True, slots=True)
class Part:
    """What one document is about: a parameter, or else the media type of a body."""

    version: str
    document: Mapping[str, Any]
    schema: Schema
    values: Any
    location: str
    style: str = ""
    explode: bool = False
    required: bool = False
    media_type: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """A part and one request, or one answer to it."""

    part: Part
    sent: Sent
    answer: Given | None = None

    @property
    def schema(self) -> Schema:
        """The part's schema with the references at its top resolved."""
        return resolve(self.part.document, self.part.schema)

    @property
    def version(self) -> str:
        """The version of the document."""
        return self.part.version


def resolve(document: Mapping[str, Any], schema: Schema) -> Schema:
    """A schema without a `$ref` at its top."""
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


def document(grammar: Grammar, operation: Mapping[str, Any], path: str) -> dict[str, Any]:
    """A whole document around one operation."""
    method = "post" if "requestBody" in operation else "get"
    responses = {"200": {"description": "ok"}}
    return {
        "openapi": grammar.version,
        "info": {"title": "Oracle", "version": "1"},
        "paths": {path: {method: {"operationId": "op", "responses": responses, **operation}}},
        "components": {"schemas": grammar.components},
    }


def parameter_part(draw: Draw, version: str, place: tuple[str, str, bool]) -> Part:
    """A document of one parameter."""
    grammar = Grammar(draw, version)
    location, style, explode = place
    sample = _parameter_schema(grammar, style)
    required = location == "path" or grammar.chance(40)
    parameter: dict[str, Any] = {"name": NAME, "in": location, "schema": sample.schema}
    if required:
        parameter["required"] = True
    default = draw(st.integers(0, 5))
    if default == 5 and not required and "$ref" not in sample.schema:
        parameter["schema"] = sample.schema | {"default": draw(sample.values)}
    ordinary = {"query": "form", "cookie": "form"}.get(location, "simple")
    if style != ordinary or grammar.chance(30):
        parameter["style"] = style
    if explode != (style == "form") or grammar.chance(30):
        parameter["explode"] = explode
    path = f"/x/{{{NAME}}}" if location == "path" else "/x"
    return Part(
        version,
        document(grammar, {"parameters": [parameter]}, path),
        parameter["schema"],
        sample.values,
        location,
        style,
        explode,
        required,
    )


def _parameter_schema(grammar: Grammar, style: str) -> Sample:
    kind = grammar.draw(st.integers(0, 9))
    if style == "deepObject" or kind >= 8:
        return grammar.object(grammar.leaf if kind == 8 else grammar.primitive, names="ab")
    if style.endswith("Delimited") or kind >= 5:
        items = grammar.integer() if grammar.chance(40) else grammar.primitive()
        sample = grammar.array(items)
    elif kind == 4:
        sample = grammar.nullable(grammar.primitive())
    elif kind == 3:
        word = grammar.pick("oneOf", "anyOf")
        one, other = grammar.integer(), grammar.boolean()
        schema = {word: [one.schema, other.schema]}
        sample = Sample(schema, st.one_of(one.values, other.values))
    else:
        sample = grammar.primitive()
    return grammar.named(sample) if grammar.chance(10) else sample


@st.composite
def parameter_cases(draw: Draw, version: str, place: tuple[str, str, bool]) -> list[Case]:
    """Some requests to one document of one parameter."""
    part = parameter_part(draw, version, place)
    return [parameter_case(draw, part) for _ in range(REQUESTS)]


@st.composite
def body_cases(draw: Draw, version: str, media_type: str, kind: str = "") -> list[Case]:
    """Some requests to one document of one body; `kind` is that of a JSON schema."""
    part = body_part(draw, version, media_type, kind)
    return [body_case(draw, part) for _ in range(REQUESTS)]


def parameter_case(draw: Draw, part: Part) -> Case:
    """One request: a valid value, or a broken one, or a text from the list."""
    how = draw(st.integers(0, 9))
    value = draw(part.values)
    if how < 4:
        return Case(part, with_value(part, value))
    if how < 6:
        value = broken(draw, value)
        return Case(part, with_value(part, value))
    if how == 9 and part.location != "path":
        return Case(part, Sent("/x"))
    is_structure = resolve(part.document, part.schema).get("type") in ("array", "object")
    texts = STRUCTURED if is_structure and draw(st.integers(0, 5)) else TEXTS
    return Case(part, _with_text(part, draw(st.sampled_from(texts)), draw(st.booleans())))


def with_value(part: Part, value: Any) -> Sent:
    if part.location == "path":
        return Sent(f"/x/{_path_text(part, value)}")
    if part.location == "header":
        return Sent("/x", headers=((NAME, _latin(wires.header(value, part.explode))),))
    if part.location == "cookie":
        return Sent("/x", headers=(("cookie", wires.cookie(NAME, part.explode, value)),))
    return Sent("/x", wires.query(NAME, part.style, part.explode, value))


def _latin(text: str) -> str:
    """Text that a header can carry; servers strip the space around it (RFC 9110, 5.5)."""
    return text.encode("latin-1", "replace").decode("latin-1").strip(" \t")


def _path_text(part: Part, value: Any) -> str:
    if part.style == "matrix":
        return wires.matrix(NAME, value, part.explode)
    if part.style == "label":
        return wires.label(value, part.explode)
    return wires.simple(value, part.explode) or "%20"


def _with_text(part: Part, text: str, is_raw: bool) -> Sent:
    """A text as it is, or with its delimiters left alone."""
    safe = ",|=;+" if is_raw else ""
    encoded = quote(text, safe=safe)
    if part.location == "header":
        return Sent("/x", headers=((NAME, _latin(text)),))
    if part.location == "cookie":
        return Sent("/x", headers=(("cookie", f"{NAME}={encoded}"),))
    if part.location == "query":
        return Sent("/x", f"{NAME}={encoded}")
    prefix = {"label": ".", "matrix": f";{NAME}="}.get(part.style, "")
    return Sent(f"/x/{prefix}{encoded or '%20'}")


def body_part(draw: Draw, version: str, media_type: str, kind: str = "") -> Part:
    """A document of one body: JSON, a form or text."""
    grammar = Grammar(draw, version)
    if media_type == "text/plain":
        sample = grammar.string()
    elif media_type in (FORM, MULTIPART):
        sample = form_schema(grammar)
    else:
        sample = grammar.kind(kind) if kind else grammar.anything()
    required = grammar.chance(60)
    body: dict[str, Any] = {"content": {media_type: {"schema": sample.schema}}}
    if required:
        body["required"] = True
    return Part(
        version,
        document(grammar, {"requestBody": body}, "/x"),
        sample.schema,
        sample.values,
        "body",
        required=required,
        media_type=media_type,
    )


def form_schema(grammar: Grammar) -> Sample:
    """An object of primitives and lists of them."""

    def member() -> Sample:
        one = grammar.primitive()
        return grammar.array(one) if grammar.chance(30) else one

    return grammar.object(member)


def body_case(draw: Draw, part: Part) -> Case:
    """One request: a valid value, a broken one, or bytes that are no such text."""
    how = draw(st.integers(0, 9))
    value = draw(part.values)
    if how in (5, 6, 7, 8):
        value = broken(draw, value)
    if how == 9:
        data = draw(st.sampled_from(BODIES))
        return Case(part, _post(part, data))
    if not isinstance(value, dict) and part.media_type in (FORM, MULTIPART):
        value = {"a": value}
    return Case(part, _post(part, body_bytes(part.media_type, value)))


def body_bytes(media_type: str, value: Any) -> bytes:
    """A value in a media type."""
    if media_type == FORM:
        return wires.form(value)
    if media_type == MULTIPART:
        return wires.multipart(value)
    return wires.text(value).encode() if media_type == "text/plain" else json.dumps(value).encode()


def _post(part: Part, data: bytes) -> Sent:
    more = f"; boundary={wires.BOUNDARY}" if part.media_type == MULTIPART else ""
    headers = (("content-type", part.media_type + more),)
    return Sent("/x", headers=headers, body=data, method="POST")
