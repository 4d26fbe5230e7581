"""Loading a document: sources, nodes, the closure of its references, and its bounds."""

import contextlib
import copy
import json
from pathlib import Path
from typing import Any

import pytest

from brrt.errors import Fault, SpecError
from brrt.openapi.document import Document, Node, Source, load

HEAD: dict[str, Any] = {"openapi": "3.1.0", "info": {"title": "x", "version": "1"}}
TEXT = 'openapi: 3.1.0\ninfo: {title: x, version: "1"}\npaths: {}\n'


def document(**members: Any) -> dict[str, Any]:
    return {**HEAD, "paths": {}, **members}


def schemas(**entries: Any) -> dict[str, Any]:
    return document(components={"schemas": entries})


def faults(source: Source, **options: Any) -> tuple[Fault, ...]:
    with pytest.raises(SpecError) as caught:
        load(source, **options)
    return caught.value.faults


def write(folder: Path, **files: Any) -> Path:
    """Write JSON files; the first is the document."""
    for name, value in files.items():
        path = folder / f"{name.replace('__', '/')}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(value))
    return folder / f"{next(iter(files)).replace('__', '/')}.json"


def follow(loaded: Document, *steps: str | int) -> Node:
    node = loaded.root
    for step in steps:
        node = node[step].follow()
    return node


def test_the_kinds_of_sources(tmp_path: Path) -> None:
    """A path (text or PathLike), a text of YAML or JSON, and a mapping are the same document."""
    path = tmp_path / "openapi.yaml"
    path.write_text(TEXT)
    for source in (path, str(path), TEXT, json.dumps(document()), document()):
        loaded = load(source)
        assert loaded.root.value == document()
        assert loaded.version == (3, 1)
        assert loaded.warnings == ()
    assert load(path).uri == path.as_uri()
    assert load(TEXT).uri == "urn:brrt:document"
    assert set(load(path).files) == {path}
    assert set(load(TEXT).files) == set()
    assert "3.1" in repr(load(path))


def test_mappings_are_copied() -> None:
    """A mapping is neither changed nor shared."""
    source = document()
    before = copy.deepcopy(source)
    loaded = load(source)
    source["info"]["title"] = "y"
    try:
        assert loaded.root["info"]["title"].value == "x"
        assert before == loaded.root.value
    finally:
        source["info"]["title"] = "x"


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("", "empty"),
        ("nobody.yaml", "no such file"),
        ("https://example.com/openapi.json", "never fetches"),
        ("- a\n- b\n", "a list"),
        ("just text\nof two lines\n", "single value"),
        ("{a: [\n", "not YAML"),
        ({"openapi": object()}, "not JSON"),
        ({"openapi": "3.1.0", "info": "\ud800"}, "surrogate"),
        ("info: {}\npaths: {}\n", "'openapi' is missing"),
        ("openapi: 3.1\ninfo: {}\n", "not a text"),
        ("openapi: 3.3.0\ninfo: {}\n", "unknown"),
        ("openapi: 4.0.0\ninfo: {}\n", "unknown"),
        ("openapi: three\ninfo: {}\n", "unknown"),
        ("asyncapi: 3.0.0\ninfo: {}\n", "AsyncAPI"),
    ],
)
def test_what_is_no_document_is_one_fault(source: Source, words: str) -> None:
    """Whatever is given instead of a document ends in one fault with a cure."""
    (fault,) = faults(source)
    assert words in fault.message
    assert fault.cure


def test_swagger_is_refused_with_one_sentence() -> None:
    """Swagger 2.0 gets the sentence that says how to convert it, and nothing else."""
    (fault,) = faults({"swagger": "2.0", "info": {}, "paths": {}})
    assert "npx swagger2openapi" in fault.message
    assert "converter.swagger.io" in fault.message
    assert fault.cure == ""


def test_nodes() -> None:
    """A node gives its children as nodes, with pointers that are escaped."""
    root = load(document(paths={"/a~b": {"get": {"tags": ["x", "y"]}}})).root
    operation = root["paths"]["/a~b"]["get"]
    assert operation.pointer == "/paths/~1a~0b/get"
    assert operation.fragment == "#/paths/~1a~0b/get"
    assert [node.value for node in operation["tags"]] == ["x", "y"]
    assert [node.pointer[-1] for node in operation["tags"].elements()] == ["0", "1"]
    assert list(operation.elements()) == []
    assert list(operation["tags"].items()) == []
    assert [key for key, _ in root.items()] == ["openapi", "info", "paths"]
    assert operation.get("tags") == operation["tags"]
    assert operation.get("nobody") is None
    assert operation["tags"].get("x") is None
    assert "tags" in operation
    assert "nobody" not in operation
    assert operation["tags"][1].value == "y"
    assert operation.follow() is operation
    with pytest.raises(KeyError):
        operation["nobody"]
    with pytest.raises(KeyError):
        operation["tags"][0]["x"]
    with pytest.raises(IndexError):
        operation["tags"][2]


def test_faults_of_nodes_have_a_place(tmp_path: Path) -> None:
    """A fault raised at a node names file, line, column and pointer."""
    path = tmp_path / "openapi.yaml"
    path.write_text(TEXT)
    fault = load(path).root["info"]["title"].fault("too short", "write more")
    assert str(fault) == f"{path}:2:8 #/info/title: too short\n    write more"
    assert load(document()).root["info"].fault("x").line is None


def test_references_across_files(tmp_path: Path) -> None:
    """References reach other files, fragments of them, and back; relative to their own file."""
    string = {"type": "string"}
    path = write(
        tmp_path,
        openapi=schemas(
            Pet={"$ref": "sub/pets.json#/Pet"},
            Whole={"$ref": "./sub/whole.json"},
            Here={"$ref": "#/components/schemas/Pet"},
        ),
        sub__pets={
            "Pet": {"properties": {"tag": {"$ref": "deep/tag.json"}, "mother": {"$ref": "#/Pet"}}}
        },
        sub__deep__tag={
            "properties": {"back": {"$ref": "../../openapi.json#/components/schemas/Pet"}}
        },
        sub__whole=string,
        unused={"broken": {"$ref": "nowhere.json"}},
    )
    loaded = load(path)
    names = {"openapi.json", "pets.json", "tag.json", "whole.json"}
    assert {file.name for file in loaded.files} == names
    assert len(loaded.resources) == 4
    pet = follow(loaded, "components", "schemas", "Here")
    assert pet.uri.endswith("/sub/pets.json")
    assert pet.pointer == "/Pet"
    tag = pet["properties"]["tag"].follow()
    assert tag["properties"]["back"].follow() == pet
    assert follow(loaded, "components", "schemas", "Whole").value == string


def test_percent_encoded_and_escaped_pointers() -> None:
    """Pointers in references are percent-decoded first and unescaped then."""
    paths = {
        "/pets/{id}": {
            "parameters": [{"name": "id", "in": "path", "required": True, "schema": {}}],
            "get": {"responses": {"200": {"description": "x"}}},
        },
        "/same/{id}": {"$ref": "#/paths/~1pets~1%7Bid%7D"},
    }
    loaded = load(document(paths=paths))
    assert follow(loaded, "paths", "/same/{id}") == loaded.root["paths"]["/pets/{id}"]


def test_anchors_and_identifiers() -> None:
    """`$anchor` and `$id` of JSON Schema 2020-12 resolve, and `$id` moves the base."""
    loaded = load(
        schemas(
            Pet={"$anchor": "pet", "type": "object"},
            ByAnchor={"$ref": "#pet"},
            Inner={
                "$id": "https://example.com/inner",
                "$defs": {"a": {"$anchor": "here", "type": "string"}},
                "properties": {"x": {"$ref": "#here"}, "y": {"$ref": "#/$defs/a"}},
            },
            ById={"$ref": "https://example.com/inner#here"},
            Dynamic={"$dynamicAnchor": "node"},
            ByDynamic={"$ref": "#node"},
        )
    )
    found = loaded.root["components"]["schemas"]
    assert found["ByAnchor"].follow() == found["Pet"]
    inner = found["Inner"]
    assert inner["properties"]["x"].follow() == inner["$defs"]["a"]
    assert inner["properties"]["y"].follow() == inner["$defs"]["a"]
    assert found["ById"].follow() == inner["$defs"]["a"]
    assert found["ByDynamic"].follow() == found["Dynamic"]


def test_self_of_openapi_32() -> None:
    """`$self` names the document by another URI (OpenAPI 3.2.0, section 4.1.1)."""
    source = schemas(A={"type": "string"}, B={"$ref": "https://a.com/x#/components/schemas/A"})
    loaded = load({**source, "openapi": "3.2.0", "$self": "https://a.com/x"})
    assert follow(loaded, "components", "schemas", "B").value == {"type": "string"}


def test_what_only_looks_like_a_reference() -> None:
    """Properties called $ref, examples, defaults, enums and extensions hold no references."""
    nowhere = {"$ref": "#/nowhere"}
    loaded = load(
        document(
            paths={
                "/a": {
                    "get": {
                        "x-note": nowhere,
                        "responses": {
                            "200": {
                                "description": "x",
                                "content": {
                                    "application/json": {
                                        "schema": {"type": "object"},
                                        "examples": {"e": {"value": nowhere}},
                                    },
                                    "text/plain": {"example": nowhere},
                                },
                            }
                        },
                    }
                }
            },
            components={
                "schemas": {
                    "A": {
                        "properties": {"$ref": {"type": "string"}},
                        "enum": [nowhere],
                        "const": nowhere,
                        "default": nowhere,
                        "examples": [nowhere],
                        "example": nowhere,
                    }
                }
            },
        )
    )
    assert loaded.warnings == ()


def test_siblings_of_references_are_schemas_in_31() -> None:
    """In 3.1, what stands beside `$ref` in a schema is checked and followed too."""
    siblings = {"$ref": "#/components/schemas/A", "properties": {"x": {"$ref": "#/nowhere"}}}
    (fault,) = faults(schemas(A={}, B=siblings))
    assert fault.pointer == "#/components/schemas/B/properties/x/$ref"
    assert load({**schemas(A={}, B=siblings), "openapi": "3.0.0"}).version == (3, 0)


def test_recursive_schemas_are_fine_and_circles_are_not() -> None:
    """A schema may contain itself; references that lead only to references may not."""
    loop = {"properties": {"next": {"$ref": "#/components/schemas/Loop"}}}
    loaded = load(schemas(Loop=loop))
    node = follow(loaded, "components", "schemas", "Loop", "properties", "next")
    assert node == loaded.root["components"]["schemas"]["Loop"]
    broken = {"$ref": "#/components/schemas/Broken"}
    assert len(faults(schemas(A=broken, Broken={"$ref": "#/nowhere"}))) == 1
    one = {"$ref": "#/components/schemas/Two"}
    two = {"$ref": "#/components/schemas/One"}
    assert "circle" in faults(schemas(One=one, Two=two))[0].message


@pytest.mark.parametrize(
    ("reference", "words", "cure"),
    [
        ("#/components/schemas/Pat", "no 'Pat'", "'Pet'"),
        ("#/components/schema/Pet", "no 'schema'", "'schemas'"),
        ("#/components/schemas/Pet/required/7", "no '7'", "1 elements"),
        ("#/components/schemas/Pet/required/-1", "no '-1'", "1 elements"),
        ("#/info/title/x", "no 'x'", "write it there"),
        ("#Pet", "no JSON pointer", "perhaps #/Pet"),
        ("other.jsn", "no such file", "other.json"),
        ("broken.json", "cannot be parsed", "broken.json"),
        ("https://example.com/x.json", "never fetches", "download"),
        ("ftp://example.com/x.json", "names no file", "relative path"),
        ("//host/x.json", "names no file", "relative path"),
        ("%00.json", "names no file", "NUL"),
        ("../outside.json", "leaves the folder", "base="),
        ("file:///etc/passwd", "leaves the folder", "base="),
        ("link.json", "leaves the folder", "base="),
        ("#/info/title", "leads to a text", "object"),
        (5, "must be a string", "URI"),
    ],
)
def test_references_that_lead_nowhere(
    tmp_path: Path, reference: Any, words: str, cure: str
) -> None:
    """Each reference that cannot be followed is a fault with a guess at the cure."""
    pet = {"type": "object", "required": ["name"]}
    folder = tmp_path / "inner"
    path = write(folder, openapi=schemas(Pet=pet, Bad={"$ref": reference}), other={})
    (folder / "broken.json").write_text("{")
    (tmp_path / "outside.json").write_text("{}")
    (folder / "link.json").symlink_to(tmp_path / "outside.json")
    found = [fault for fault in faults(path) if words in fault.message]
    assert found, [str(fault) for fault in faults(path)]
    assert cure in found[0].cure
    assert found[0].pointer == "#/components/schemas/Bad/$ref"
    assert found[0].line == 1


def test_texts_and_mappings_need_a_base_for_files(tmp_path: Path) -> None:
    """Relative references of a text start in `base`; without one they are a fault."""
    write(tmp_path, other={"type": "string"})
    source = schemas(A={"$ref": "other.json"})
    assert "base=" in faults(source)[0].cure
    loaded = load(source, base=tmp_path)
    assert follow(loaded, "components", "schemas", "A").value == {"type": "string"}
    assert [file.name for file in loaded.files] == ["other.json"]
    assert "not a folder" in faults(source, base=tmp_path / "nobody")[0].message


def test_base_widens_what_files_may_reach(tmp_path: Path) -> None:
    """With `base`, a document may refer to its neighbours, as far as the base goes."""
    path = write(tmp_path, api__openapi=schemas(A={"$ref": "../shared/a.json"}), shared__a={})
    assert "leaves the folder" in faults(path)[0].message
    assert len(load(path, base=tmp_path).files) == 2


def test_symlinks_of_a_config_map(tmp_path: Path) -> None:
    """Files that are links into a hidden folder below (Kubernetes) are read as they are named."""
    data = tmp_path / "..2024_01_01"
    write(data, openapi=schemas(A={"$ref": "other.json"}), other={"type": "string"})
    (tmp_path / "..data").symlink_to(data.name)
    for name in ("openapi.json", "other.json"):
        (tmp_path / name).symlink_to(Path("..data", name))
    loaded = load(tmp_path / "openapi.json")
    assert set(loaded.files) == {tmp_path / "openapi.json", tmp_path / "other.json"}


def test_discriminator_mappings_are_references(tmp_path: Path) -> None:
    """`mapping` may name a component, a pointer or a file; anything else is a fault."""
    mapping = {"a": "Cat", "b": "#/components/schemas/Cat", "c": "dog.json", "d": "bird.json"}
    union = {
        "oneOf": [{"$ref": "#/components/schemas/Cat"}],
        "discriminator": {"propertyName": "kind", "mapping": mapping},
    }
    path = write(tmp_path, openapi=schemas(Pet=union, Cat={"type": "object"}), dog={})
    (fault,) = faults(path)
    assert fault.pointer == "#/components/schemas/Pet/discriminator/mapping/d"
    assert len(load(path, strict=False).warnings) == 1
    assert {file.name for file in load(path, strict=False).files} == {"openapi.json", "dog.json"}


def test_objects_in_other_files_are_checked(tmp_path: Path) -> None:
    """What a reference reaches in another file is checked by its kind, and told by its file."""
    item = {"get": {"parameters": [{"name": "q", "in": "qery", "schema": {"type": "strin"}}]}}
    path = write(
        tmp_path, openapi=document(paths={"/a": {"$ref": "items.json#/a"}}), items={"a": item}
    )
    found = {fault.pointer: fault for fault in faults(path)}
    assert set(found) == {"#/a/get/parameters/0/in", "#/a/get/parameters/0/schema/type"}
    assert all(fault.file.endswith("items.json") for fault in found.values())


def test_names_of_files_are_encoded_in_one_way(tmp_path: Path) -> None:
    """A file with a blank in its name is one resource, however a reference spells it."""
    path = tmp_path / "my api.json"
    pet = {"properties": {"a": {"$ref": "my%20api.json#/components/schemas/Pet"}}}
    path.write_text(
        json.dumps(schemas(Pet=pet, B={"$ref": "./my api.json#/components/schemas/Pet"}))
    )
    assert list(load(path).resources) == [path.as_uri()]


def test_the_digest_follows_the_bytes(tmp_path: Path) -> None:
    """The digest changes with any byte of any file, and with nothing else."""
    path = write(tmp_path, openapi=schemas(A={"$ref": "other.json"}), other={"type": "string"})
    first = load(path).digest
    assert load(path).digest == first
    (tmp_path / "other.json").write_text('{"type": "string" }')
    assert load(path).digest != first
    assert load({"paths": {}, **HEAD}).digest == load({**HEAD, "paths": {}}).digest


def test_resolve_stays_inside_of_the_closure(tmp_path: Path) -> None:
    """A document gives nodes of what it has loaded, and reads nothing more."""
    path = write(tmp_path, openapi=schemas(A={}), other={})
    loaded = load(path)
    assert loaded.resolve("#/components/schemas/A", loaded.uri).value == {}
    for reference in ("other.json", "#/nowhere", "nobody.json"):
        with pytest.raises(LookupError):
            loaded.resolve(reference, loaded.uri)
    assert len(loaded.resources) == 1


def test_faults_come_sorted_and_all_at_once(tmp_path: Path) -> None:
    """One error lists the faults of all files: the document's first, each file by line."""
    path = tmp_path / "openapi.yaml"
    path.write_text(
        "openapi: 3.1.0\ninfo: {title: x}\npaths:\n  /b/{x}:\n    get: {}\n"
        "  /a:\n    get: {operationId: 5}\n    $ref: b.yaml\n  nope: {}\n"
    )
    (tmp_path / "b.yaml").write_text("post:\n  parameters: 5\n")
    found = faults(path)
    assert [fault.line for fault in found] == [2, 5, 6, 9, 2]
    assert [Path(fault.file).name for fault in found] == ["openapi.yaml"] * 4 + ["b.yaml"]


def test_nothing_but_spec_errors_leaves_load() -> None:
    """Whatever stands at any place of a document, the answer is a document or a SpecError."""
    deep: Any = {}
    for _ in range(190):
        deep = {"allOf": [deep]} if len(json.dumps(deep)) % 2 else {"properties": {"a": deep}}
    odd: list[Any] = [None, 5, "x", [], {}, [[]], [None], {"$ref": []}, {"$ref": {}}, deep, True]
    for value in odd:
        for key in ("paths", "components", "tags", "security", "servers", "webhooks", "info"):
            with contextlib.suppress(SpecError):
                load(document(**{key: value}))
