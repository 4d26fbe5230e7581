"""The structural check: what the specification's own JSON Schema says about a document.

The schemas are the resource files of openapi-spec-validator; its code is not imported (that
takes 0.3 s). They check the main document as a whole, and each object that references reach
elsewhere by the definition of its kind. No rule of our own stands here.
"""

from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jsonschema_rs
import msgspec

from brrt.openapi.json_values import is_list, is_mapping, mapping
from brrt.openapi.rules import Finding
from brrt.openapi.violations import Wrong, violations
from brrt.openapi.walk import Found

# What may be missing, wrong or too much while the document still says what to serve.
_DISPENSABLE = frozenset(
    ["info", "title", "version", "description", "responses", "url", "paths", "summary", "default"]
)
_DECORATIVE = frozenset(
    [
        "externalDocs",
        "example",
        "examples",
        "xml",
        "links",
        "summary",
        "description",
        "deprecated",
        "title",
        "contact",
        "license",
        "termsOfService",
        "tags",
    ]
)
_DECORATIVE_KEYWORDS = frozenset(
    [
        "additionalProperties",
        "unevaluatedProperties",
        "format",
        "uniqueItems",
        "minItems",
        "propertyNames",
        "minProperties",
        "dependentSchemas",
        "pattern",
    ]
)
# The definition of each kind of object in the schemas of 3.0 and of 3.1 and later.
_DEFINITIONS = {
    "path item": ("PathItem", "path-item"),
    "parameter": ("Parameter", "parameter"),
    "header": ("Header", "header"),
    "request body": ("RequestBody", "request-body"),
    "response": ("Response", "response"),
    "media type": ("MediaType", "media-type"),
    "example": ("Example", "example"),
    "link": ("Link", "link"),
    "callback": ("Callback", "callbacks"),
    "security scheme": ("SecurityScheme", "security-scheme"),
    "schema": ("Schema", "schema"),
}


def resource(package: str, path: str) -> dict[str, Any]:
    """A JSON file of an installed package, read without importing the package."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"{package} is not installed", name=package)
    return mapping(msgspec.json.decode(Path(spec.submodule_search_locations[0], path).read_bytes()))


@cache
def _specification(version: tuple[int, int]) -> dict[str, Any]:
    number = ".".join(map(str, version))
    return resource("openapi_spec_validator", f"resources/schemas/v{number}/schema.json")


@cache
def _validator(version: tuple[int, int], definition: str) -> Any:
    """The compiled schema of a whole document, or of one definition in it."""
    schema = dict(_specification(version))
    if definition:
        container = "definitions" if "definitions" in schema else "$defs"
        schema = {name: schema[name] for name in ("$schema", container)}
        schema["allOf"] = [{"$ref": f"#/{container}/{definition}"}]
    return jsonschema_rs.validator_cls_for(schema)(schema, offline=True)


def check_structure(found: Found, version: tuple[int, int]) -> Iterator[Finding]:
    """Everything that the specification's schema refuses.

    In the document, and in what its references reach outside of it.
    """
    for root in found.places["document"]:
        yield from _findings(_validator(version, ""), version, root.value, root.uri, "")
    column = 0 if version == (3, 0) else 1
    for place in found.entrances:
        if place.kind in _DEFINITIONS and "$ref" not in mapping(place.value):
            validator = _validator(version, _DEFINITIONS[place.kind][column])
            yield from _findings(validator, version, place.value, place.uri, place.pointer)


def _findings(
    validator: Any, version: tuple[int, int], value: Any, uri: str, prefix: str
) -> Iterator[Finding]:
    def allowed(error: Any) -> list[str]:
        return _allowed(error, _specification(version))

    for wrong in violations(validator, value, allowed):
        pointer = prefix + wrong.pointer
        if pointer == "/paths" and wrong.keyword.endswith("Properties"):
            continue  # paths without a slash: a rule of `checks`
        rule = "decoration" if _is_decorative(wrong, pointer) else "structure"
        yield Finding(rule, wrong.message, wrong.cure, uri, pointer)


def _is_decorative(wrong: Wrong, pointer: str) -> bool:
    """Whether the document can be served all the same."""
    tokens = pointer.split("/")[1:]
    if tokens[:1] in (["info"], ["tags"], ["externalDocs"]):
        return True
    if tokens and tokens[-1] in _DECORATIVE and tokens[-2:-1] != ["properties"]:
        return True
    if wrong.keyword == "required":
        return wrong.cure.removeprefix("add ") in _DISPENSABLE
    return wrong.keyword in _DECORATIVE_KEYWORDS


def _allowed(error: Any, root: dict[str, Any]) -> list[str]:
    """The properties that an object with an unexpected one may have."""
    schema: Any = root
    for step in error.schema_path[:-1]:
        schema = mapping(schema).get(str(step))
    return _known_names(schema, root)


def _known_names(schema: Any, root: dict[str, Any]) -> list[str]:
    """The properties that a schema knows, in its own branches included."""
    if is_list(schema):
        return [name for entry in schema for name in _known_names(entry, root)]
    if not is_mapping(schema):
        return []
    names = list(mapping(schema.get("properties")))
    reference = str(schema.get("$ref", ""))
    if reference.startswith(("#/$defs/", "#/definitions/")):
        inner: Any = root
        for step in reference.split("/")[1:]:
            inner = inner[step]
        names += _known_names(inner, root)
    for keyword in ("allOf", "then", "else"):
        names += _known_names(schema.get(keyword), root)
    return names + _known_names(list(mapping(schema.get("dependentSchemas")).values()), root)
