"""The judgement on a document: all checks run, their findings weighed, sorted and placed.

Which checks there are is said here and nowhere else; what each rule weighs is in `rules`.
"""

import re
from collections.abc import Iterable
from typing import Any

from brrt.errors import Fault, SpecError
from brrt.openapi.checks import check_paths
from brrt.openapi.json_values import is_list, is_mapping
from brrt.openapi.references import Closure
from brrt.openapi.rules import RULES, Finding, Weight
from brrt.openapi.schema_checks import check_schemas
from brrt.openapi.sources import Resource
from brrt.openapi.spots import Guide
from brrt.openapi.structure import check_structure
from brrt.openapi.walk import walk

VERSIONS = ((3, 0), (3, 1), (3, 2))

_NUMBER = re.compile(r"(\d+)\.(\d+)(?:\.|$)")
_LISTED = "3.0, 3.1 and 3.2"
# Rules that say the same as one before them, in other words, when both are about one place.
_ECHOES = frozenset({"schema", "schema decoration", "schema decoration elsewhere"})
# Rules that only say, less well, that a pattern is none.
_VAGUE = frozenset({"decoration", "python pattern", "python pattern elsewhere"})


def document_version(main: Resource) -> tuple[int, int]:
    """The version of the specification that a document follows. Raises `SpecError`."""
    value = main.value
    if not is_mapping(value):
        kind = "a list" if is_list(value) else "a single value"
        message = f"the document is {kind}, not a mapping"
        raise SpecError([main.fault(message, "it begins with openapi, info and paths")])
    if "openapi" not in value:
        raise SpecError([_other_document(main)])
    number = value["openapi"]
    if not isinstance(number, str):
        cure = f'write the version as a text: openapi: "{number}.0"'
        raise SpecError([main.fault(f"openapi is {number!r}, not a text", cure, "/openapi")])
    found = _NUMBER.match(number)
    version = (int(found[1]), int(found[2])) if found else (0, 0)
    if version not in VERSIONS:
        cure = f"brrt reads OpenAPI {_LISTED}"
        raise SpecError([main.fault(f"OpenAPI {number!r} is unknown", cure, "/openapi")])
    return version


def _other_document(main: Resource) -> Fault:
    if "swagger" in main.value:
        message = (
            "a Swagger 2.0 document must be converted to OpenAPI 3 first, with "
            f"`npx swagger2openapi {main.name}` or at https://converter.swagger.io"
        )
        return main.fault(message, "", "/swagger")
    if "asyncapi" in main.value:
        return main.fault("this is an AsyncAPI document", "brrt serves OpenAPI", "/asyncapi")
    return main.fault("'openapi' is missing", 'add openapi: "3.1.1" as the first line')


def judge(
    closure: Closure, version: tuple[int, int], strict: bool
) -> tuple[list[Fault], tuple[Fault, ...]]:
    """Faults and warnings of a document, each sorted by file, line and column.

    Reads the files that the document refers to. With `strict` false, what does not prevent
    serving is a warning.
    """
    guide = Guide(closure, version)
    found = walk(guide)
    findings = [
        *found.findings,
        *check_structure(found, version),
        *check_paths(guide, found),
        *check_schemas(guide, found),
    ]
    faults, warnings = list(closure.faults), list[Fault]()
    for finding in _without_echoes(findings):
        resource = closure.resources[finding.uri]
        place = resource.fault(finding.message, finding.cure, finding.pointer)
        (faults if _refuses(finding.rule, strict) else warnings).append(place)
    for resource in closure.resources.values():
        (faults if _refuses("duplicate key", strict) else warnings).extend(resource.faults)
    return _sorted(closure, faults), tuple(_sorted(closure, warnings))


def _refuses(rule: str, strict: bool) -> bool:
    """Whether a document that breaks this rule is refused."""
    weight = RULES[rule]
    return weight is Weight.FATAL or (weight is Weight.FAULT and strict)


def _without_echoes(findings: Iterable[Finding]) -> list[Finding]:
    """Each finding once; the meta-schema is silent where structure has spoken already."""
    unique = list(dict.fromkeys(findings))
    spoken = {(finding.uri, finding.pointer) for finding in unique if finding.rule not in _ECHOES}
    broken = {(finding.uri, finding.pointer) for finding in unique if finding.rule == "pattern"}
    return [
        finding
        for finding in unique
        if not (finding.rule in _ECHOES and (finding.uri, finding.pointer) in spoken)
        and not (finding.rule in _VAGUE and (finding.uri, finding.pointer) in broken)
    ]


def _sorted(closure: Closure, faults: list[Fault]) -> list[Fault]:
    """The main document first, then by file, line and column; without lines, as found."""
    first = closure.main.name

    def key(fault: Fault) -> tuple[Any, ...]:
        return (fault.file != first, fault.file, fault.line or 0, fault.column or 0)

    return sorted(faults, key=key)
