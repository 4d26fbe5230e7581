"""The rules about paths, operations, parameters, tags and security: one pass over the paths.

These are the rules that JSON Schema cannot express: those of openapi-spec-validator, which is
the oracle in the tests, and some of our own. Every rule tolerates values of the wrong type,
because structure is judged elsewhere and all faults are reported together. Rules about schemas
are in `schema_checks`.
"""

import re
from collections.abc import Iterator
from difflib import get_close_matches
from typing import NamedTuple

from brrt.config import PER_HANDLER
from brrt.openapi.json_values import mapping, nearest
from brrt.openapi.references import Unresolvable
from brrt.openapi.rules import Findings
from brrt.openapi.spots import Guide, Spot
from brrt.openapi.walk import Found

SETTING_PREFIX = "x-brrt-"
SETTINGS = (
    *(name.replace("_", "-") for name in PER_HANDLER),
    "on-disconnect",
    "strict-query",
    "rate-limit",
)
# What a path item, or the document, may say for all its operations.
SHARED_SETTINGS = ("rate-limit",)

# OpenAPI 3.1.1, section 4.8.12.1: parameter definitions of these names are ignored.
_IGNORED_HEADERS = frozenset({"accept", "content-type", "authorization"})
_VARIABLE = re.compile(r"\{([^{}]*)\}")
# Colons and exclamation marks inside braces are conversions of other routers ({id:int}).
_FORBIDDEN = re.compile(r"[/:!?#]")


class Operation(NamedTuple):
    """An operation of a path, and the parameters that it shares with the path's others."""

    path: str
    method: str
    spot: Spot
    shared: list[Spot]


def check_paths(guide: Guide, found: Found) -> Findings:
    """All findings about paths, operations, parameters, tags, security and settings."""
    findings = Findings()
    operations = list(_operations(guide))
    _check_templates(findings, guide)
    _check_identifiers(findings, operations)
    _check_duplicates(findings, guide, operations)
    for operation in operations:
        _check_path_parameters(findings, guide, operation)
        _check_querystring(findings, guide, operation)
    for owner in [guide.root, *(operation.spot for operation in operations)]:
        _check_security(findings, guide, owner)
    _check_tags(findings, guide)
    for place in found.places["parameter"]:
        _check_ignored_header(findings, place.spot)
    for place in found.places["operation"]:
        _check_settings(findings, place.spot, SETTINGS)
    for spot in [guide.root, *(place.spot for place in found.places["path item"])]:
        _check_settings(findings, spot, SHARED_SETTINGS)
    return findings


def _operations(guide: Guide) -> Iterator[Operation]:
    """Every operation of `paths`; a path item may be a reference and have siblings."""
    for path, item in guide.path_items():
        referred = guide.follow(item)
        for source in (item,) if referred == item else (referred, item):
            shared = guide.elements(source, "parameters")
            for method, spot in guide.methods(source):
                yield Operation(path, method, spot, shared)


def _check_templates(findings: Findings, guide: Guide) -> None:
    """OpenAPI 3.1.1, section 4.8.8: form of templates, and no two that are identical."""
    shapes: dict[str, tuple[str, set[str]]] = {}
    for path, item in guide.path_items():
        for message, cure in _template_faults(path):
            findings.add("template", message, cure, item)
        methods = {method for method, _ in guide.methods(guide.follow(item))}
        other, taken = shapes.setdefault(_VARIABLE.sub("{}", path), (path, set()))
        if other != path:
            rule = "conflicting paths" if methods & taken else "identical paths"
            message = f"the path {path!r} matches the same requests as {other!r}"
            cure = f"move its operations to {other!r}, or change a fixed part of one"
            findings.add(rule, message, cure, item)
        taken.update(methods)


def _template_faults(path: str) -> Iterator[tuple[str, str]]:
    if not path.startswith("/"):
        yield f"the path {path!r} does not begin with a slash", f"write {f'/{path}'!r}"
    fixed = _VARIABLE.sub("", path)
    if "{" in fixed or "}" in fixed:
        yield f"the braces in {path!r} do not match", "write each variable as {name}"
    names = _VARIABLE.findall(path)
    if "" in names:
        yield f"a variable in {path!r} has no name", "write a name between the braces"
    for name in dict.fromkeys(names):
        if names.count(name) > 1 and name:
            yield f"the variable {name!r} stands twice in {path!r}", "rename one of the two"
        bad = _FORBIDDEN.search(name)
        if bad:
            cure = f"write {{{name[: bad.start()]}}} and put the rest into the schema"
            yield f"the variable {name!r} in {path!r} contains {bad[0]!r}", cure


def _check_identifiers(findings: Findings, operations: list[Operation]) -> None:
    seen: dict[str, Operation] = {}
    for operation in operations:
        identifier = mapping(operation.spot.value).get("operationId")
        if not isinstance(identifier, str):
            continue
        first = seen.setdefault(identifier, operation)
        if first is not operation:
            message = f"the operationId {identifier!r} is taken by {first.method} {first.path}"
            if operation.spot.value is first.spot.value:
                message += ", which refers to the same path item"
            cure = "rename one of them"
            findings.add("duplicate operationId", message, cure, operation.spot, "operationId")


def _check_path_parameters(findings: Findings, guide: Guide, operation: Operation) -> None:
    """Each variable of the template has a path parameter, and the other way round."""
    variables = _VARIABLE.findall(operation.path)
    parameters = [*operation.shared, *guide.elements(operation.spot, "parameters")]
    declared = {
        str(parameter.value["name"]): parameter
        for parameter in parameters
        if mapping(parameter.value).get("in") == "path" and "name" in parameter.value
    }
    for name in dict.fromkeys(variables):
        if name and name not in declared:
            message = f"{operation.method} {operation.path} declares no path parameter {name!r}"
            spare = [known for known in declared if known not in variables]
            guess = f"perhaps {nearest(name, spare)} was meant; " if spare else ""
            cure = f"{guess}add a parameter with in: path, name: {name}, required: true"
            findings.add("path parameter", message, cure, operation.spot)
    for name, parameter in declared.items():
        if name not in variables:
            message = f"the path {operation.path!r} has no variable {{{name}}}"
            guess = f"it has {nearest(name, variables)}; " if variables else ""
            cure = f"{guess}put {{{name}}} into the path, or remove the parameter"
            findings.add("path parameter", message, cure, parameter)


def _check_querystring(findings: Findings, guide: Guide, operation: Operation) -> None:
    """3.2.0, section 4.12.1: at most one, and not beside `query` parameters, path's included."""
    parameters = [*operation.shared, *guide.elements(operation.spot, "parameters")]
    names: dict[str, list[str]] = {"query": [], "querystring": []}
    for value in (mapping(parameter.value) for parameter in parameters):
        names.get(str(value.get("in")), []).append(str(value.get("name")))
    whole = [*dict.fromkeys(names["querystring"])]
    beside = [*whole[1:], *names["query"]]
    if whole and beside:
        message = f"the querystring parameter {whole[0]!r} stands beside {beside[0]!r}"
        cure = "the whole query string is one value: keep one of them"
        findings.add("querystring", message, cure, operation.spot)


def _check_duplicates(findings: Findings, guide: Guide, operations: list[Operation]) -> None:
    """A list of parameters has each pair of name and place once (3.1.1, section 4.8.10.1)."""
    items = [guide.follow(item) for _, item in guide.path_items()]
    for owner in [*items, *(operation.spot for operation in operations)]:
        seen: set[tuple[str, str]] = set()
        for parameter in guide.elements(owner, "parameters"):
            value = mapping(parameter.value)
            name, place = str(value.get("name")), str(value.get("in"))
            if owner is not None and (name, place) in seen and "name" in value:
                message = f"the {place} parameter {name!r} stands twice in one list"
                cure = "remove or rename one of the two"
                findings.add("duplicate parameter", message, cure, owner, "parameters")
            seen.add((name, place))


def _check_security(findings: Findings, guide: Guide, owner: Spot) -> None:
    schemes = guide.step(guide.root, "components", "securitySchemes")
    declared = list(mapping(schemes.value if schemes else None))
    for requirement in guide.elements(owner, "security"):
        for name in mapping(requirement.value):
            if name not in declared and not _is_scheme(guide, name, requirement):
                message = f"no security scheme is called {name!r}"
                cure = "declare it in components/securitySchemes"
                cure = f"there is {nearest(name, declared)}" if declared else cure
                findings.add("security scheme", message, cure, requirement, name)


def _is_scheme(guide: Guide, name: str, spot: Spot) -> bool:
    """OpenAPI 3.2.0, section 4.30: a requirement may name a scheme by its URI."""
    if guide.version < (3, 2):
        return False
    try:
        guide.resolve(spot, name)
    except Unresolvable:
        return False
    return True


def _check_tags(findings: Findings, guide: Guide) -> None:
    """Names of tags are unique; in 3.2, parents exist and do not form circles."""
    tags: dict[str, Spot] = {}
    for tag in guide.elements(guide.root, "tags"):
        name = mapping(tag.value).get("name")
        if isinstance(name, str):
            if name in tags:
                message = f"the tag {name!r} is declared twice"
                findings.add("tag", message, "remove one of the two", tag)
            tags[name] = tag
    if guide.version >= (3, 2):
        for name in tags:
            _check_tag_parents(findings, name, tags)


def _check_tag_parents(findings: Findings, name: str, tags: dict[str, Spot]) -> None:
    parent = _parent(tags[name])
    if parent and parent not in tags:
        message = f"the parent {parent!r} of the tag {name!r} is not declared"
        cure = f"there is {nearest(parent, list(tags))}"
        findings.add("tag", message, cure, tags[name], "parent")
    trail = [name]
    while parent in tags:
        if parent == name:
            message = f"the tag {name!r} is its own ancestor: {' -> '.join([*trail, name])}"
            findings.add("tag", message, "remove one of the parents", tags[name], "parent")
        if parent in trail:
            return
        trail.append(parent)
        parent = _parent(tags[parent])


def _parent(tag: Spot) -> str:
    parent = mapping(tag.value).get("parent")
    return parent if isinstance(parent, str) else ""


def _check_ignored_header(findings: Findings, parameter: Spot) -> None:
    name = parameter.value.get("name")
    if parameter.value.get("in") == "header" and str(name).lower() in _IGNORED_HEADERS:
        message = f"the header parameter {name!r} is ignored, as the specification demands"
        cure = "declare content for Accept and Content-Type, security for Authorization"
        findings.add("ignored header", message, cure, parameter)


def _check_settings(findings: Findings, owner: Spot, names: tuple[str, ...]) -> None:
    known = [SETTING_PREFIX + name for name in names]
    for key in mapping(owner.value):
        if not key.startswith(SETTING_PREFIX) or key in known:
            continue
        name = key.removeprefix(SETTING_PREFIX)
        if name in SETTINGS:
            message, cure = f"{key!r} says nothing here", "write it into each operation"
        else:
            close = get_close_matches(name, names, n=1)
            guess = [SETTING_PREFIX + one for one in close] or known
            message = f"{key!r} is no setting of brrt"
            cure = f"{'perhaps' if close else 'brrt knows'} {', '.join(guess)}"
        findings.add("unknown setting", message, cure, owner, key)
