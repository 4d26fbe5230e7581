"""The rules about paths, operations, parameters, tags and security: one pass over the paths.

These are the rules that JSON Schema cannot express: those of openapi-spec-validator, which is
the oracle in the tests, and some of our own. Every rule tolerates values of the wrong type,
because structure is judged elsewhere and all faults are reported together. Rules about schemas
are in `schema_checks`.
"""

import re
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any, NamedTuple

from brrt.openapi.references import Closure, Target, Unresolvable
from brrt.openapi.rules import Finding
from brrt.openapi.sources import escape_token, nearest
from brrt.openapi.walk import METHODS, Found

SETTING_PREFIX = "x-brrt-"
SETTINGS = ("workers", "queue-size", "timeout", "max-body", "on-disconnect")

# OpenAPI 3.1.1, section 4.8.12.1: parameter definitions of these names are ignored.
_IGNORED_HEADERS = frozenset({"accept", "content-type", "authorization"})
_VARIABLE = re.compile(r"\{([^{}]*)\}")
# Colons and exclamation marks inside braces are conversions of other routers ({id:int}).
_FORBIDDEN = re.compile(r"[/:!?#]")


class Operation(NamedTuple):
    """An operation of a path, with what it shares with the path's other operations."""

    path: str
    method: str
    target: Target
    shared: list[Target]


class _Checker:
    """What all rules need: the closure, the version, and where findings go."""

    def __init__(self, closure: Closure, version: tuple[int, int]) -> None:
        self.closure = closure
        self.version = version
        self.findings: dict[Finding, None] = {}

    def report(self, rule: str, message: str, cure: str, uri: str, pointer: str) -> None:
        """Note a broken rule; the same one at the same place only once."""
        self.findings[Finding(rule, message, cure, uri, pointer)] = None

    def child(self, target: Target, name: str | int) -> Target:
        """What stands below, references followed; None as value where nothing does."""
        value: Any = target.value
        pointer = f"{target.pointer}/{escape_token(name)}"
        inner = value.get(name) if isinstance(value, dict) else None
        if isinstance(value, list) and isinstance(name, int):
            inner = value[name]
        return self.follow(Target(target.uri, pointer, inner))

    def follow(self, target: Target) -> Target:
        """The end of a chain of references; where it breaks, the place itself."""
        first = target
        for _ in range(64):  # `walk` has reported circles
            value = target.value
            if not isinstance(value, dict) or not isinstance(value.get("$ref"), str):
                return target
            base = self.closure.base(target.uri, target.pointer)
            try:
                target = self.closure.resolve(value["$ref"], base)
            except Unresolvable:
                break
        return first._replace(value=None)

    def listed(self, target: Target, name: str) -> list[Target]:
        """The elements of a list below, references followed."""
        entries = self.child(target, name)
        count = len(entries.value) if isinstance(entries.value, list) else 0
        return [self.child(entries, index) for index in range(count)]


def check_paths(closure: Closure, found: Found, version: tuple[int, int]) -> list[Finding]:
    """All findings about paths, operations, parameters, tags, security and settings."""
    checker = _Checker(closure, version)
    root = Target(closure.main.uri, "", closure.main.value)
    operations = list(_operations(checker, root))
    _check_templates(checker, root)
    _check_identifiers(checker, operations)
    for operation in operations:
        _check_path_parameters(checker, operation)
    _check_duplicates(checker, root, operations)
    _check_security(checker, root, operations)
    _check_tags(checker, root)
    for place in found.places["parameter"]:
        _check_ignored_header(checker, place.value, place.uri, place.pointer)
    for place in found.places["operation"]:
        _check_settings(checker, place.value, place.uri, place.pointer)
    return list(checker.findings)


def _path_items(checker: _Checker, root: Target) -> Iterator[tuple[str, Target]]:
    paths = checker.child(root, "paths")
    if isinstance(paths.value, dict):
        for path, item in paths.value.items():
            if not path.startswith("x-"):
                yield path, Target(paths.uri, f"{paths.pointer}/{escape_token(path)}", item)


def _operations(checker: _Checker, root: Target) -> Iterator[Operation]:
    """Every operation of `paths`; a path item may be a reference and have siblings."""
    for path, item in _path_items(checker, root):
        referred = checker.follow(item)
        for source in (item,) if referred == item else (referred, item):
            shared = checker.listed(source, "parameters")
            for method, target in _methods(checker, source):
                yield Operation(path, method, target, shared)


def _methods(checker: _Checker, item: Target) -> Iterator[tuple[str, Target]]:
    value: Any = item.value
    if not isinstance(value, dict):
        return
    methods = METHODS if checker.version >= (3, 2) else METHODS[:-1]
    for method in value:
        if method in methods:
            yield method, checker.child(item, method)
    if checker.version >= (3, 2) and isinstance(value.get("additionalOperations"), dict):
        more = checker.child(item, "additionalOperations")
        for method in more.value or ():
            yield method, checker.child(more, method)


def template_names(path: str) -> list[str]:
    """The variables of a path template, in order."""
    return _VARIABLE.findall(path)


def _check_templates(checker: _Checker, root: Target) -> None:
    """OpenAPI 3.1.1, section 4.8.8: form of templates, and no two that are identical."""
    shapes: dict[str, tuple[str, set[str]]] = {}
    for path, item in _path_items(checker, root):
        for message, cure in _template_faults(path):
            checker.report("template", message, cure, item.uri, item.pointer)
        shape = _VARIABLE.sub("{}", path)
        methods = {method for method, _ in _methods(checker, checker.follow(item))}
        other, taken = shapes.setdefault(shape, (path, set()))
        if other != path:
            rule = "conflicting paths" if methods & taken else "identical paths"
            message = f"the path {path!r} matches the same requests as {other!r}"
            cure = f"move its operations to {other!r}, or change a fixed part of one"
            checker.report(rule, message, cure, item.uri, item.pointer)
        taken.update(methods)


def _template_faults(path: str) -> Iterator[tuple[str, str]]:
    if not path.startswith("/"):
        yield f"the path {path!r} does not begin with a slash", f"write {'/' + path!r}"
    if "{" in _VARIABLE.sub("", path) or "}" in _VARIABLE.sub("", path):
        yield f"the braces in {path!r} do not match", "write each variable as {name}"
    names = template_names(path)
    if "" in names:
        yield f"a variable in {path!r} has no name", "write a name between the braces"
    for name in dict.fromkeys(names):
        if names.count(name) > 1 and name:
            yield f"the variable {name!r} stands twice in {path!r}", "rename one of the two"
        bad = _FORBIDDEN.search(name)
        if bad:
            cure = f"write {{{name[: bad.start()]}}} and put the rest into the schema"
            yield f"the variable {name!r} in {path!r} contains {bad[0]!r}", cure


def _check_identifiers(checker: _Checker, operations: list[Operation]) -> None:
    seen: dict[str, Operation] = {}
    for operation in operations:
        value: Any = operation.target.value
        identifier = value.get("operationId") if isinstance(value, dict) else None
        if not isinstance(identifier, str):
            continue
        first = seen.setdefault(identifier, operation)
        if first is not operation:
            message = f"the operationId {identifier!r} is taken by {first.method} {first.path}"
            uri, pointer = operation.target.uri, f"{operation.target.pointer}/operationId"
            if operation.target == first.target:
                message += ", which refers to the same path item"
            checker.report("duplicate operationId", message, "rename one of them", uri, pointer)


def _check_path_parameters(checker: _Checker, operation: Operation) -> None:
    """Each variable of the template has a path parameter, and the other way round."""
    variables = template_names(operation.path)
    own = checker.listed(operation.target, "parameters")
    declared = {
        parameter.value["name"]: parameter
        for parameter in [*operation.shared, *own]
        if _is_path_parameter(parameter.value)
    }
    place = operation.target
    for name in dict.fromkeys(variables):
        if name and name not in declared:
            message = f"{operation.method} {operation.path} declares no path parameter {name!r}"
            spare = [known for known in declared if known not in variables]
            guess = f"perhaps {nearest(name, spare)} was meant; " if spare else ""
            cure = f"{guess}add a parameter with in: path, name: {name}, required: true"
            checker.report("path parameter", message, cure, place.uri, place.pointer)
    for name, parameter in declared.items():
        if name not in variables:
            message = f"the path {operation.path!r} has no variable {{{name}}}"
            guess = f"it has {nearest(name, variables)}; " if variables else ""
            cure = f"{guess}put {{{name}}} into the path, or remove the parameter"
            checker.report("path parameter", message, cure, parameter.uri, parameter.pointer)


def _is_path_parameter(value: Any) -> bool:
    return (
        isinstance(value, dict) and value.get("in") == "path" and isinstance(value.get("name"), str)
    )


def _check_duplicates(checker: _Checker, root: Target, operations: list[Operation]) -> None:
    """A list of parameters has each pair of name and place once (3.1.1, section 4.8.10.1)."""
    items = (checker.follow(item) for _, item in _path_items(checker, root))
    for owner in [*items, *(operation.target for operation in operations)]:
        seen: set[tuple[str, str]] = set()
        for index, parameter in enumerate(checker.listed(owner, "parameters")):
            value: Any = parameter.value if isinstance(parameter.value, dict) else {}
            key = (str(value.get("name")), str(value.get("in")))
            if key in seen and "name" in value:
                message = f"the {key[1]} parameter {key[0]!r} stands twice in this list"
                pointer = f"{owner.pointer}/parameters/{index}"
                cure = "remove or rename one of the two"
                checker.report("duplicate parameter", message, cure, owner.uri, pointer)
            seen.add(key)


def _check_security(checker: _Checker, root: Target, operations: list[Operation]) -> None:
    schemes: Any = checker.child(checker.child(root, "components"), "securitySchemes").value
    declared = list(schemes) if isinstance(schemes, dict) else []
    for owner in [root, *(operation.target for operation in operations)]:
        for requirement in checker.listed(owner, "security"):
            names = requirement.value if isinstance(requirement.value, dict) else ()
            for name in names:
                if name not in declared and not _is_scheme(checker, name, requirement):
                    message = f"no security scheme is called {name!r}"
                    cure = f"there is {nearest(name, declared)}" if declared else ""
                    cure = cure or "declare it in components/securitySchemes"
                    pointer = f"{requirement.pointer}/{escape_token(name)}"
                    checker.report("security scheme", message, cure, requirement.uri, pointer)


def _is_scheme(checker: _Checker, name: str, place: Target) -> bool:
    """OpenAPI 3.2.0, section 4.30: a requirement may name a scheme by its URI."""
    if checker.version < (3, 2):
        return False
    try:
        checker.closure.resolve(name, checker.closure.base(place.uri, place.pointer))
    except Unresolvable:
        return False
    return True


def _check_tags(checker: _Checker, root: Target) -> None:
    """Names of tags are unique; in 3.2, parents exist and do not form circles."""
    parents: dict[str, Any] = {}
    places: dict[str, Target] = {}
    for tag in checker.listed(root, "tags"):
        value: Any = tag.value if isinstance(tag.value, dict) else {}
        name = value.get("name")
        if not isinstance(name, str):
            continue
        if name in parents:
            message = f"the tag {name!r} is declared twice"
            checker.report("tag", message, "remove one of the two", tag.uri, tag.pointer)
        parents[name] = value.get("parent")
        places[name] = tag
    if checker.version >= (3, 2):
        for name, tag in places.items():
            _check_tag_parents(checker, name, parents, tag)


def _check_tag_parents(
    checker: _Checker, name: str, parents: dict[str, Any], tag: Target
) -> None:
    parent = parents[name]
    if not isinstance(parent, str):
        return
    if parent not in parents:
        message = f"the parent {parent!r} of the tag {name!r} is not declared"
        cure = f"there is {nearest(parent, list(parents))}"
        checker.report("tag", message, cure, tag.uri, f"{tag.pointer}/parent")
    trail = [name]
    while isinstance(parent, str) and parent in parents:
        if parent == name:
            message = f"the tag {name!r} is its own ancestor: {' -> '.join([*trail, name])}"
            cure = "remove one of the parents"
            checker.report("tag", message, cure, tag.uri, f"{tag.pointer}/parent")
        if parent in trail:
            return
        trail.append(parent)
        parent = parents[parent]


def _check_ignored_header(checker: _Checker, value: Any, uri: str, pointer: str) -> None:
    name = value.get("name")
    if value.get("in") == "header" and str(name).lower() in _IGNORED_HEADERS:
        message = f"the header parameter {name!r} is ignored, as the specification demands"
        cure = "declare content for Accept and Content-Type, security for Authorization"
        checker.report("ignored header", message, cure, uri, pointer)


def _check_settings(checker: _Checker, value: Any, uri: str, pointer: str) -> None:
    known = [SETTING_PREFIX + name for name in SETTINGS]
    for key in value:
        if key.startswith(SETTING_PREFIX) and key not in known:
            close = get_close_matches(key, known, n=1, cutoff=0.5)
            cure = f"perhaps {close[0]!r}" if close else f"brrt knows {', '.join(known)}"
            message = f"{key!r} is no setting of brrt"
            checker.report("unknown setting", message, cure, uri, f"{pointer}/{escape_token(key)}")
