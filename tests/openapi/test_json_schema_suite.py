"""The official test suite of JSON Schema, through a document and its compiled schemas.

`json-schema-test-suite.tar.xz` holds the files of the suite as the source distribution of
jsonschema 4.26.0 on PyPI brings them (MIT licence, inside), for the drafts that a document may
choose. Each schema stands in `components`, with the other schemas that it refers to beside it,
since nothing is ever fetched.
"""

import io
import json
import lzma
import tarfile
from collections import Counter
from collections.abc import Iterator
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import urldefrag, urljoin

import pytest

from brrt.openapi.document import load
from brrt.openapi.schemas import Direction, Schemas, Validator

SUITE = Path(__file__).parent / "json-schema-test-suite.tar.xz"
METASCHEMAS = resources.files("jsonschema_specifications") / "schemas"
REMOTE = "http://localhost:1234/"

DRAFTS = {
    "draft4": "http://json-schema.org/draft-04/schema#",
    "draft6": "http://json-schema.org/draft-06/schema#",
    "draft7": "http://json-schema.org/draft-07/schema#",
    "draft2019-09": "https://json-schema.org/draft/2019-09/schema",
    "draft2020-12": "https://json-schema.org/draft/2020-12/schema",
}

# Groups (and single tests, after a slash) that are not for us, each with the reason.
EXCLUDED = {
    # A vocabulary that switches keywords off is not looked for in a meta-schema.
    ("*/vocabulary", "schema that uses custom metaschema with with no validation vocabulary"): (
        "an unknown `$schema` is a fault"
    ),
    # These need a place to fetch from that is not the schema's `$id`.
    ("*/refRemote", "remote HTTP ref with different $id"): "nothing is fetched",
    ("*/refRemote", "remote HTTP ref with different URN $id"): "nothing is fetched",
    # What stands in an `enum` or under an unknown word is searched for `$id` as well.
    ("*/optional/id", "$id inside an enum is not a real identifier"): "two schemas of one name",
    ("*/optional/id", "id inside an enum is not a real identifier"): "two schemas of one name",
    ("*/optional/anchor", "$anchor inside an enum is not a real identifier"): "the same",
    ("*/optional/unknownKeyword", "$id inside an unknown keyword is not a real identifier"): (
        "the same"
    ),
    # 2019-09 replaced the keyword; a document that means it can say so by `$schema`.
    ("*/optional/dependencies-compatibility", "*"): "`dependencies` is not of these drafts",
    # Content is decoded by its media type, not by its schema (2020-12 Validation, section 8.1).
    (
        "draft7/optional/content",
        "validation of string-encoded content based on media type",
    ): "content is an annotation",
    ("draft7/optional/content", "validation of binary string-encoding"): "the same",
    (
        "draft7/optional/content",
        "validation of binary-encoded media type documents",
    ): "the same",
    # JSON has one kind of number, in all versions of OpenAPI alike.
    ("draft4/optional/zeroTerminatedFloats", "*"): "1.0 is an integer",
    # The schemas of other drafts are not beside this one here.
    ("*/optional/cross-draft", "*"): "one draft at a time here; see test_dialects",
    ("*/optional/no-schema", "*"): "the dialect is that of OpenAPI",
}

# Tests which say that a format is an annotation: brrt asserts those that it knows, as a document
# that names one means it (OpenAPI 3.1.1, section 4.4.3, leaves the choice).
ANNOTATION = "only an annotation by default"


@cache
def files() -> dict[str, Any]:
    """All files of the suite by their paths."""
    with tarfile.open(fileobj=io.BytesIO(lzma.decompress(SUITE.read_bytes()))) as archive:
        members = [one for one in archive if one.name.endswith(".json")]
        contents = {one.name: archive.extractfile(one) for one in members}
        return {name: json.load(file) for name, file in contents.items() if file is not None}


@cache
def others(draft: str) -> dict[str, Any]:
    """The schemas that tests of a draft may refer to, by their URIs."""
    found: dict[str, Any] = {}
    for name, schema in files().items():
        path = name.removeprefix("remotes/")
        of_another = path.split("/")[0] in {*DRAFTS} - {draft}
        if path != name and isinstance(schema, dict) and not of_another:
            declared, uri = schema.get("$schema", DRAFTS[draft]), REMOTE + path
            found[uri] = {"$schema": declared, **schema, identifier(declared): uri}
    waiting = [METASCHEMAS / draft.replace("-", "")]
    for file in waiting:
        if file.is_dir():
            waiting.extend(file.iterdir())
        elif not file.name.startswith("."):
            schema = json.loads(file.read_text())
            found[urldefrag(schema.get("$id", schema.get("id")))[0]] = schema
    return found


def identifier(declared: str) -> str:
    return "id" if "draft-04" in declared else "$id"


def references(schema: Any, base: str) -> Iterator[str]:
    """The URIs of all resources that a schema refers to."""
    if isinstance(schema, list):
        for one in schema:
            yield from references(one, base)
    elif isinstance(schema, dict):
        name = schema.get("$id", schema.get("id"))
        base = urljoin(base, name) if isinstance(name, str) else base
        for key, value in schema.items():
            if key in ("$ref", "$dynamicRef") and isinstance(value, str):
                yield urldefrag(urljoin(base, value))[0]
            yield from references(value, base)


def validator(schema: Any, draft: str) -> Validator:
    """A schema of the suite, compiled as a component of a document."""
    base = "http://test.example/schema"
    name = identifier(DRAFTS[draft])
    if isinstance(schema, dict):
        if draft in ("draft4", "draft6", "draft7") and "$ref" in schema:  # no place for `$schema`
            definitions = {key: schema[key] for key in ("definitions",) if key in schema}
            schema = {"allOf": [schema], **definitions}
        named = not str(schema.get(name, "#")).startswith("#")
        schema = {"$schema": DRAFTS[draft], **schema, **({} if named else {name: base})}
    known, used, waiting = others(draft), dict[str, Any](), [schema]
    while waiting:
        for uri in references(waiting.pop(), base):
            if uri in known and uri not in used:
                used[uri] = known[uri]
                waiting.append(known[uri])
    schemas = {"Tested": schema, **{f"other{key}": used[uri] for key, uri in enumerate(used)}}
    made = {"openapi": "3.1.0", "info": {"title": "Suite", "version": "1"}, "paths": {}}
    document = load({**made, "components": {"schemas": schemas}}, strict=False)
    place, compiled = document.root["components"]["schemas"]["Tested"], Schemas(document)
    compiled.add(place, Direction.REQUEST)
    return compiled.validator(place, Direction.REQUEST)


def is_excluded(file: str, group: str) -> bool:
    names = (file, "*/" + file.partition("/")[2])
    return any((name, one) in EXCLUDED for name in names for one in (group, "*"))


def names() -> list[str]:
    return [name[6:-5] for name in files() if name.startswith("tests/")]


@pytest.mark.parametrize("file", names())
def test_the_suite(file: str) -> None:
    """Every test of the suite has the verdict that it should have, or is named above."""
    draft = file.partition("/")[0]
    differences = []
    for group in files()[f"tests/{file}.json"]:
        if is_excluded(file, group["description"]):
            continue
        compiled = validator(group["schema"], draft)
        for test in group["tests"]:
            is_valid = compiled.is_valid(test["data"])
            assert (list(compiled.errors(test["data"])) == []) is is_valid
            if is_valid is not test["valid"] and ANNOTATION not in test["description"]:
                differences.append((group["description"], test["description"]))
    assert differences == []


def test_what_is_excluded_is_there() -> None:
    """Each exclusion is of a group that the suite has, and they are few of so many tests."""
    run, left_out = Counter[str](), Counter[str]()
    met: set[tuple[str, str]] = set()
    for name in names():
        for group in files()[f"tests/{name}.json"]:
            excluded = is_excluded(name, group["description"])
            counted = [one for one in group["tests"] if ANNOTATION not in one["description"]]
            (left_out if excluded else run)[name.partition("/")[0]] += len(counted)
            for one in (name, "*/" + name.partition("/")[2]):
                met |= {(one, group["description"]), (one, "*")}
    assert set(EXCLUDED) <= met
    assert run == RUN
    assert left_out == LEFT_OUT


# Tests of each draft, optional ones included.
RUN = {
    "draft4": 859,
    "draft6": 1143,
    "draft7": 1447,
    "draft2019-09": 1805,
    "draft2020-12": 1830,
}
LEFT_OUT = {"draft4": 4, "draft6": 6, "draft7": 18, "draft2019-09": 59, "draft2020-12": 57}
