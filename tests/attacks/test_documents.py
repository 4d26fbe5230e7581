"""Documents that are attacks themselves: they are refused with a cure, or served like any other.

What is asked of all: no code of theirs runs, nothing outside of their folder is read, nothing is
fetched, and neither building nor a request takes for ever. More of their kind: aliases, depth and
syntax in `openapi/test_sources.py`, references in `openapi/test_document.py`, patterns in
`openapi/test_pattern_costs.py`, carelessness in `openapi/test_hostile_documents.py`.
"""

import socket
import time
from dataclasses import make_dataclass
from pathlib import Path
from typing import Any

import pytest

from brrt import App, Handlers, Request, SpecError
from brrt.openapi.schemas import MAX_SPREAD
from brrt.openapi.walk import MAX_CHAIN
from tests.conftest import Connect

REF = "#/components/schemas/"
# Seconds of this process that a document of some kilobytes may take; most take a hundredth.
ENOUGH = 5.0


def document(schema: Any = True, schemas: Any = None, **root: Any) -> dict[str, Any]:
    """A document of one operation that takes JSON."""
    operation = {
        "operationId": "op",
        "requestBody": {"required": True, "content": {"application/json": {"schema": schema}}},
        "responses": {"200": {"description": "ok", "content": {"application/json": {}}}},
    }
    made = {"openapi": "3.1.0", "info": {"title": "t", "version": "1"}, **root}
    paths = {"/x": {"post": operation}}
    return {"paths": paths, "components": {"schemas": schemas or {}}} | made


def build(source: Any, **options: Any) -> App:
    """An app of a document whose operation is `op`."""
    handlers = Handlers()

    @handlers
    async def op(request: Request) -> dict[str, Any]:
        return {}

    return App(source, handlers, **options)


@pytest.fixture(autouse=True)
def in_time() -> Any:
    """No test here takes longer than a document may."""
    begin = time.process_time()
    yield
    assert time.process_time() - begin < ENOUGH


HEAD = 'openapi: 3.1.0\ninfo: {title: t, version: "1"}\npaths: {}\n'
TAGS = [
    "!!python/object/apply:os.mkdir [{path}]",
    "!!python/object/new:os.mkdir [[{path}]]",
    "!!python/object:pathlib.Path {{a: {path}}}",
    "!!python/name:os.mkdir ''",
    "!!python/module:os ''",
    "!!python/tuple [1]",
    "!<tag:yaml.org,2002:python/object/apply:os.mkdir> [{path}]",
    "!!binary aGk=",
    "!!set {{a}}",
    "!own 1",
    "!ruby/object:Gem::Installer {{i: x}}",
]


@pytest.mark.parametrize("tag", TAGS)
def test_tags_make_nothing_but_json(tag: str, tmp_path: Path) -> None:
    """A tag of another language is a fault with its line, and nothing of it is done."""
    made = tmp_path / "made"
    path = tmp_path / "openapi.yaml"
    path.write_text(f"{HEAD}x-a: {tag.format(path=made)}\n")
    with pytest.raises(SpecError) as caught:
        App(path)
    assert caught.value.faults[0].line == 4
    assert not made.exists()


BOMBS = {
    "aliases": "x-a: &a [1,1,1,1,1,1,1,1,1]\n"
    + "".join(
        f"x-{b}: &{b} [{','.join([f'*{a}'] * 9)}]\n"
        for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    ),
    "merges": "x-a: &a {k: 1}\n"
    + "".join(
        f"x-{b}: &{b} {{<<: [{','.join([f'*{a}'] * 99)}], {b}: [{','.join([f'*{a}'] * 9)}]}}\n"
        for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    ),
    "itself": "x-a: &a [*a]\n",
    "lists": "x-a: " + "[" * 100_000,
    "objects": "x-a: " + "{a: " * 100_000,
    "blocks": "x-a:\n" + "".join(" " * n + "-\n" for n in range(1, 2_000)),
    "keys": "? " * 50_000 + "a\n",
    "nul": "x-a: \0\n",
    "documents": "---\na: 1\n" * 10_000,
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_bombs_are_refused_at_once(bomb: str) -> None:
    """What a few kilobytes would unfold to is not unfolded."""
    with pytest.raises(SpecError):
        App(HEAD + BOMBS[bomb])


OUTSIDE = [
    "http://169.254.169.254/latest/meta-data",
    "https://localhost/a.yaml",
    "//localhost/a.yaml",
    "ftp://localhost/a.yaml",
    "file:///etc/passwd",
    "file://localhost/etc/passwd",
    "/etc/passwd",
    "../outside.yaml",
    "%2e%2e/outside.yaml",
    "..%2foutside.yaml",
    "inside/../../outside.yaml",
    "link.yaml",
    "jar:file:///a.jar!/b.yaml",
    "data:application/json,{}",
    "inside.yaml%00.txt",
    "\\\\host\\share\\a.yaml",
    "urn:isbn:1",
]


@pytest.mark.parametrize("reference", OUTSIDE)
def test_nothing_outside_is_read(
    reference: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reference leads into the folder of the document, or is a fault; none is fetched."""
    monkeypatch.setattr(socket, "socket", None)  # whoever connects fails otherwise
    folder = tmp_path / "documents"
    folder.mkdir()
    (tmp_path / "outside.yaml").write_text("type: string\n")
    (folder / "link.yaml").symlink_to("../outside.yaml")
    path = folder / "openapi.yaml"
    path.write_text(f"{HEAD}components: {{schemas: {{A: {{$ref: {reference!r}}}}}}}\n")
    with pytest.raises(SpecError) as caught:
        App(path)
    assert "root:" not in str(caught.value)
    assert caught.value.faults[0].cure or "no such file" in str(caught.value)


def chain(length: int, link: Any) -> dict[str, Any]:
    """Schemas of which each holds the next, in some way."""
    made = {f"S{n}": link({"$ref": f"{REF}S{n + 1}"}) for n in range(length)}
    return made | {f"S{length}": {"type": "object"}}


REFUSED: dict[str, Any] = {
    "row": ({"$ref": f"{REF}S0"}, chain(3_000, lambda one: one), "in a row"),
    "itself": ({"$ref": f"{REF}S0"}, {"S0": {"$ref": f"{REF}S0"}}, "circle"),
    "depth": ({"$ref": f"{REF}S0"}, chain(3_000, lambda one: {"allOf": [one]}), "too deeply"),
    "twice": ({"$ref": f"{REF}S0"}, chain(30, lambda one: {"allOf": [one, one]}), "every value"),
    "branches": ({"$ref": f"{REF}S0"}, chain(30, lambda one: {"oneOf": [one, one]}), "every value"),
    "nested": (True, {"A": {"items": [[[[1]]]]}}, "items"),
    "numbers": ({"multipleOf": 0, "maxItems": -1}, {}, "0"),
    "pointer": ({"$ref": "#" + "/a" * 10_000}, {}, "there is no"),
    "tildes": ({"$ref": "#/" + "~1~0" * 10_000}, {}, "there is no"),
    "dynamic": ({"$dynamicRef": "#nobody"}, {}, "nobody"),
}
TREE = {"$ref": f"{REF}Tree"}
SERVED: dict[str, Any] = {
    "tree": (TREE, {"Tree": {"properties": {"a": TREE, "b": {"items": TREE}}}}),
    "all": (TREE, {"Tree": {"allOf": [TREE]}}),
    "any": (TREE, {"Tree": {"type": "object", "anyOf": [TREE, {"type": "object"}]}}),
    "not": (TREE, {"Tree": {"not": TREE}}),
    "if": (TREE, {"Tree": {"if": TREE, "then": TREE}}),
    "names": (TREE, {"Tree": {"propertyNames": TREE}}),
    "defaults": (TREE, {"Tree": {"type": "object", "properties": {"a": TREE | {"default": {}}}}}),
    "properties": (
        {"$ref": f"{REF}S0"},
        chain(40, lambda one: {"properties": {"a": one, "b": one}}),
    ),
    "enum": ({"not": {"enum": list(range(100_000))}}, {}),
    "alternatives": ({"anyOf": [{"properties": {"a": {"const": n}}} for n in range(2_000)]}, {}),
    "numbers": ({"maxProperties": 10**30, "properties": {"a": {"minimum": -(10**400)}}}, {}),
    "dunder": ({"properties": {"__class__": {"type": "object"}, "__proto__": {}}}, {}),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_multiplies_is_refused(name: str) -> None:
    """References without end, and schemas that each value would meet a million times."""
    schema, schemas, words = REFUSED[name]
    with pytest.raises(SpecError, match=words) as caught:
        build(document(schema, schemas))
    assert len(caught.value.faults) < 10


@pytest.mark.parametrize("name", SERVED)
async def test_what_holds_itself_is_served(client: Connect, name: str) -> None:
    """Recursion is no fault, and answers no slower."""
    http = await client(build(document(*SERVED[name])))
    for body in ("{}", '{"a":{"a":{"a":{}}}}', "[]"):
        answer = await http.post("/x", content=body, headers={"content-type": "application/json"})
        assert answer.status_code in (200, 400)


def test_chains_up_to_the_bounds_are_served() -> None:
    """What real documents have is far below."""
    assert build(document({"$ref": f"{REF}S0"}, chain(MAX_CHAIN - 1, lambda one: one))).endpoints
    wide = [{"$ref": f"{REF}S0"}] * (MAX_SPREAD // 100)
    schemas = chain(10, lambda one: {"allOf": [one]})
    assert build(document({"oneOf": wide}, schemas)).endpoints


async def test_a_reload_of_a_hostile_document_changes_nothing(client: Connect) -> None:
    """Whatever is wrong with it is a `SpecError`, and the old document goes on."""
    app = build(document())
    http = await client(app)
    for schema, schemas, _ in REFUSED.values():
        with pytest.raises(SpecError):
            await app.reload(document(schema, schemas))
    answer = await http.post("/x", content="{}", headers={"content-type": "application/json"})
    assert answer.status_code == 200


async def test_a_catastrophic_pattern_does_not_stop_the_build() -> None:
    """Names of the handlers' models are matched by the engine too, and not by backtracking."""
    name = "a" * 40 + "b"
    hint = make_dataclass("Hint", [(name, int)])
    integer = {"type": "integer"}
    schema = {
        "type": "object",
        "required": [name],
        "patternProperties": {"(a+)+$": integer, "(a|a)*$": integer},
        "additionalProperties": integer,
    }

    async def op(body: Any) -> dict[str, Any]:
        return {}

    op.__annotations__["body"] = hint
    handlers = Handlers()
    handlers("op")(op)
    assert App(document(schema), handlers).endpoints


TEMPLATES = [
    "/{a}{b}{c}",
    "/" + "-".join(f"{{v{n}}}" for n in range(200)),
    "/(a+)+$/{a}",
    "/[a-z]*/{a}.*",
    "/../../{a}",
    "//{a}//",
    "/%2e%2e/%00/{a}",
    "/a\r\nX-Injected: 1/{a}",
    "/" + "a" * 10_000 + "/{a}",
    "/{__class__}/{self}",
]


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda text: repr(text[:20]))
async def test_templates_are_texts_and_no_patterns(client: Connect, template: str) -> None:
    """Whatever stands in one, requests that nearly match it are answered at once."""
    names = [one.partition("}")[0] for one in template.split("{")[1:]]
    given = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in names
    ]
    success = {"description": "ok", "content": {"application/json": {}}}
    operation = {"operationId": "op", "parameters": given, "responses": {"200": success}}
    try:
        app = build(document() | {"paths": {template: {"post": operation}}})
    except SpecError:
        return
    http = await client(app)
    for target in ("/" + "-" * 4_000, "/" + "a" * 4_000, "/" + "a/" * 2_000, "/a+/b"):
        assert (await http.post(target)).status_code in (200, 404)
