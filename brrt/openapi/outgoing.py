"""What the document says that the app itself sends: callbacks and webhooks, as frozen values.

OpenAPI 3.1.1, sections 4.8.18 (Callback Object) and 4.8.1 (`webhooks`). An operation of either
is an `Operation` like those of paths, beside the name under which it stands and, for a callback,
the expression that gives its url.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from brrt.errors import Fault
from brrt.openapi.document import Document, Key, Node
from brrt.openapi.expressions import Expression, MalformedError, Template, parse_template
from brrt.openapi.operations import Operation, item_operations, operations


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One operation that the app calls.

    `key` is the name of the callback or webhook. `url` and `owner`, the operation whose request
    the url comes from, are None for a webhook: where that goes, the receiver has said elsewhere.
    """

    key: str
    operation: Operation
    url: Template | None = None
    owner: Operation | None = None


def outgoing(
    document: Document, served: Sequence[Operation] | None = None
) -> tuple[tuple[Outgoing, ...], list[Fault]]:
    """All callbacks and webhooks, in the document's order, and what is wrong with expressions.

    `served` are the document's own operations, if they were read already. Callbacks may have
    callbacks; each operation is asked for its own once.
    """
    served = operations(document) if served is None else served
    faults: list[Fault] = []
    found = list(_webhooks(document.root))
    waiting = [*served, *(one.operation for one in found)]
    asked: set[Key] = set()
    for owner in waiting:
        if owner.node.key not in asked:
            asked.add(owner.node.key)
            called = list(_callbacks(document.root, owner, faults))
            found += called
            waiting.extend(one.operation for one in called)
    return tuple(found), faults


def _webhooks(root: Node) -> Iterator[Outgoing]:
    declared = root.get("webhooks")
    for name, item in declared.items() if declared is not None else ():
        for operation in item_operations(root, name, item.follow()):
            yield Outgoing(name, operation)


def _callbacks(root: Node, owner: Operation, faults: list[Fault]) -> Iterator[Outgoing]:
    declared = owner.node.get("callbacks")
    for name, callback in declared.items() if declared is not None else ():
        for text, item in callback.follow().items():
            if text.startswith("x-"):
                continue
            url = _template(text, item, owner, faults)
            if url is not None:
                for operation in item_operations(root, text, item.follow()):
                    yield Outgoing(name, operation, url, owner)


def _template(text: str, node: Node, owner: Operation, faults: list[Fault]) -> Template | None:
    try:
        url = parse_template(text)
    except MalformedError as error:
        faults.append(node.fault(error.message, error.cure))
        return None
    for one in url.expressions:
        if not _is_declared(one, owner):
            message = f"{one.text}: {owner.id} declares no {one.place} parameter {one.name!r}"
            known = [each.name for each in owner.parameters if each.location == one.place]
            cure = f"it has {', '.join(known)}" if known else "declare it there, or mend the name"
            faults.append(node.fault(message, cure))
            return None
    return url


def _is_declared(one: Expression, owner: Operation) -> bool:
    """Section 4.8.20.3: what is not declared cannot be evaluated. Headers are always at hand."""
    if one.place not in ("query", "path"):
        return True
    return any(each.location == one.place and each.name == one.name for each in owner.parameters)
