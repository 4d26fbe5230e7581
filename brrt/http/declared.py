"""What the document declares of one status, compiled: media types, headers, and which of the
media types a value can be written as.

What is done about an answer that breaks this is decided elsewhere.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from brrt.http.negotiation import Accept
from brrt.http.plans import Plan, declared_plan
from brrt.http.response_headers import header_rules, header_schemas
from brrt.http.writers import TextWriter
from brrt.openapi.content import by_specificity, essence, matches, parameters, specificity
from brrt.openapi.document import Node
from brrt.openapi.events import event_schemas
from brrt.openapi.headers import HeaderRule
from brrt.openapi.json_encoding import is_bytes
from brrt.openapi.operations import Operation, Response, is_events
from brrt.openapi.schemas import Schemas

JSON: Final = "application/json"
PROBLEM_JSON: Final = "application/problem+json"
_VARY: Final = (b"vary", b"Accept")


@dataclass(frozen=True, slots=True)
class Declared:
    """One status: its media types as declared, ranges last, and the rules for its headers.

    `for_text`, `for_bytes` and `for_values` are what each kind of value may be written as. A
    range stands there as the type that such a value has in it: text is `text/plain`, bytes are
    a stream of octets, all else is JSON. Bytes are of a type that is not JSON, if there is one.
    `for_streams` is for what is given bit by bit, `for_problem` what a problem is sent as, None
    where no JSON is declared.
    """

    plans: tuple[Plan, ...] = ()
    for_text: tuple[Plan, ...] = ()
    for_bytes: tuple[Plan, ...] = ()
    for_values: tuple[Plan, ...] = ()
    for_streams: tuple[Plan, ...] = ()
    for_problem: Plan | None = None
    rules: tuple[HeaderRule, ...] = ()

    def fitting(self, value: Any, accept: Accept | None) -> Plan | None:
        """The plan for a value: of those that can write it, the one which the client prefers.

        The document's order breaks ties, and decides where nothing is acceptable: this is
        asked when the handler has done its work. None where there is no content at all.
        """
        return _preferred(self._writing(value) or self.plans, accept)

    def streaming(self, accept: Accept | None) -> Plan | None:
        """The same for what is given bit by bit; None where nothing can be written so."""
        return _preferred(self.for_streams, accept)

    def _writing(self, value: Any) -> tuple[Plan, ...]:
        if isinstance(value, str):
            return self.for_text
        if is_bytes(value):
            return self.for_bytes
        return tuple(one for one in self.for_values if one.writer.writes(value))

    def named(self, name: str) -> Plan | None:
        """The plan for a type that the handler names, the most specific first; None if not there.

        Entries that differ in parameters are told apart by them: one whose parameters are all
        there comes first, then one that is not contradicted.
        """
        kind, given = essence(name), parameters(name)
        plans = [one for one in self.plans if matches(essence(one.media_type), kind)]
        for agrees in (_is_covered, _is_compatible):
            for one in plans:
                if agrees(one, given):
                    return one if one.media_type == name else one.named(name)
        return None


NOTHING: Final = Declared()


def _preferred(plans: tuple[Plan, ...], accept: Accept | None) -> Plan | None:
    if not plans:
        return None
    if accept is None or len(plans) == 1:
        return plans[0]
    return max(plans, key=lambda one: accept.weight(one.media_type))


def _is_covered(plan: Plan, given: Mapping[str, str]) -> bool:
    return plan.parameters <= set(given.items())


def _is_compatible(plan: Plan, given: Mapping[str, str]) -> bool:
    return all(given.get(name, value) == value for name, value in plan.parameters)


def declare(response: Response, schemas: Schemas, strips: bool) -> Declared:
    """What a response of the document declares; `strips` where write-only members are removed."""
    rules = header_rules(response, schemas)
    content = by_specificity(response.content)
    plans = tuple(declared_plan(one, schemas, strips) for one in content)
    order = [one.name for one in response.content]
    in_order = sorted(plans, key=lambda one: (_rank(one), order.index(one.media_type)))
    negotiated = [replace(one, headers=(*one.headers, _VARY)) for one in in_order]
    offered = tuple(negotiated) if len(plans) > 1 else plans
    opaque = tuple(one for one in offered if not one.is_json)
    return Declared(
        plans=plans,
        for_text=tuple(_as_text(one) for one in offered),
        for_bytes=tuple(_as_bytes(one) for one in opaque or offered),
        for_values=tuple(_as_values(offered)),
        for_streams=tuple(one for one in offered if one.pieces is not None),
        for_problem=_problem_plan(plans),
        rules=rules,
    )


def response_schemas(operation: Operation) -> Iterator[Node]:
    """The schemas by which the responses of an operation are checked."""
    for response in operation.responses.values():
        yield from header_schemas(response)
        for media_type in response.content:
            yield from (one for one in (media_type.schema, media_type.item_schema) if one)
            if is_events(media_type.name):
                yield from (one.schema for one in event_schemas(media_type).data)


def default_status(responses: Mapping[str, Response]) -> int:
    """What a plain value is answered with: the lowest 2xx declared, or else 200."""
    numbers = sorted(int(status) for status in responses if status.isdigit())
    for low, high in ((200, 300), (300, 400)):
        for number in numbers:
            if low <= number < high:
                return number
        if low == 200 and ("2XX" in responses or "default" in responses):
            return 200
    return 200


def _rank(plan: Plan) -> int:
    return specificity(essence(plan.media_type))


def _is_range(plan: Plan) -> bool:
    return _rank(plan) > 0


def _within(plan: Plan, name: str) -> Plan | None:
    """The plan of a range for a type inside it; None if it is not inside."""
    if not matches(essence(plan.media_type), name):
        return None
    made = plan.named(name)
    return replace(made, headers=(*made.headers, *plan.headers[1:]))


def _as_text(plan: Plan) -> Plan:
    return (_within(plan, "text/plain") or plan) if _is_range(plan) else plan


def _as_bytes(plan: Plan) -> Plan:
    is_textual = essence(plan.media_type) == "text/*"
    return _as_text(plan) if is_textual else plan


def _as_values(plans: tuple[Plan, ...]) -> Iterator[Plan]:
    for one in plans:
        if _is_range(one):
            inside = _within(one, JSON)
            if inside is not None:
                yield inside
        elif not isinstance(one.writer, TextWriter):
            yield one


def _problem_plan(plans: tuple[Plan, ...]) -> Plan | None:
    """`application/problem+json` where that is declared or in a range, or else any JSON."""
    for one in plans:
        if matches(essence(one.media_type), PROBLEM_JSON):
            return one.named(PROBLEM_JSON) if _is_range(one) else one
    return next((one for one in plans if one.is_json), None)
