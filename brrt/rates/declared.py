"""What the document and the app say about the rates of an operation.

The nearest wins: the operation, its path, the document, the app. A limit counts together
whatever it stands for: one operation; all of a path, or of the document, that have no nearer one.
"""

from collections.abc import Iterator
from typing import Any, Final

from brrt.errors import Fault, MissingExtra
from brrt.openapi.document import Node
from brrt.openapi.operations import Operation
from brrt.rates.policies import CURE, Rates, make_rates, parse
from brrt.rates.settings import STRATEGY, RateLimits, read_limit

RATE_LIMIT: Final = "x-brrt-rate-limit"
# What the limit of all operations together is called.
SHARED: Final = "default"
ALL: Final = "all"


def declared(
    operation: Operation, settings: RateLimits | None, faults: list[Fault]
) -> Rates | None:
    """The limits of an operation, None where it has none; what is wrong goes to `faults`."""
    for kind, name, node in _places(operation):
        if RATE_LIMIT in node.value:
            return _read(operation, (kind, name), node, settings, faults)
    if settings is None or settings.default is None:
        return None
    return _rates(operation, (ALL, SHARED), parse(settings.default))


def _places(operation: Operation) -> Iterator[tuple[str, str, Node]]:
    """Where a limit may stand, the nearest first, of what it is, and what it is then called."""
    yield "operation", operation.id, operation.node
    yield "path", operation.path, operation.item
    yield ALL, SHARED, operation.node.document.root


def _read(
    operation: Operation,
    place: tuple[str, str],
    node: Node,
    settings: RateLimits | None,
    faults: list[Fault],
) -> Rates | None:
    value: Any = node.value[RATE_LIMIT]
    if value is False:
        return None
    try:
        pairs = read_limit(value, STRATEGY if settings is None else settings.strategy)
    except ValueError as error:
        _add(faults, node.fault(f"{RATE_LIMIT}: {error}", CURE))
        return None
    except MissingExtra as error:
        _add(faults, node.fault(f"{RATE_LIMIT} asks for a rate limit", str(error)))
        return None
    return _rates(operation, place, pairs)


def _add(faults: list[Fault], fault: Fault) -> None:
    """Once, however many operations the place is for."""
    if fault not in faults:
        faults.append(fault)


def _rates(
    operation: Operation, place: tuple[str, str], pairs: tuple[tuple[int, int], ...]
) -> Rates:
    """The title tells apart services that share a storage, and the kind of its place a limit from
    another of the same name: an operation may be called `default`.
    """
    title = str(operation.node.document.root.value["info"]["title"])
    kind, name = place
    return make_rates(pairs, name, f"{title}/{kind}/{name}")
