"""Schemas compiled to places: one walk, whatever is to be done with the values.

`Compiler` looks at each schema once and keeps only those below which there is something to do.
What that is, and how branches are chosen, is said by those who extend it, in `fillings`.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from weakref import proxy

from brrt.openapi.applicators import (
    FAMILY,
    Applicators,
    Choice,
    Items,
    Rest,
    applicators,
    home,
    joined,
)
from brrt.openapi.dialects import HIDDEN, Direction
from brrt.openapi.document import Key, Node
from brrt.openapi.rewriting import (
    ItemsRewriting,
    Place,
    RestRewriting,
    Rewriting,
    Run,
    Tag,
    Test,
    TestedBranch,
    has_property,
    in_turn,
)
from brrt.openapi.schemas import Schemas


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of one schema before anything is compiled; `inner` are those it applies."""

    node: Node
    applied: Applicators
    hidden: tuple[str, ...]
    inner: list[Key]


class Compiler:
    """Compiles schemas to places, each once. What has nothing to do below it becomes None.

    It is kept by its `schemas`, which it therefore must not keep.
    """

    def __init__(self, schemas: Schemas, direction: Direction) -> None:
        self.schemas: Schemas = proxy(schemas)
        self.direction = direction
        self.places: dict[Key, Place | None] = {}
        self._joined: dict[Key, list[Node]] = {}
        self._homes: dict[Key, Node] = {}
        self._pending: dict[Key, Facts] = {}
        self._in_place: dict[Key, list[Key]] = {}

    def prepare(self, node: Node) -> None:
        """Find out what there is to do below a schema, and add what will decide about it."""
        node = self._home(node)
        if node.key in self.places:
            return
        found = self._survey(node)
        busy = self._busy(found)
        # All of them exist before the first is compiled, since they refer to each other.
        self.places.update({key: Place() if key in busy else None for key in found})
        for key in (key for key in found if key in busy):
            self._pending[key] = found[key]
            for one in self.tested(found[key]):
                self.schemas.add(one, self.direction)

    def place(self, node: Node) -> Place | None:
        """What is to be done with a value at this schema."""
        self.prepare(node)
        pending, self._pending = self._pending, {}
        for key, facts in pending.items():
            place = self.places[key]
            if place is not None:
                self.compile(facts, place)
        self.finish(pending)
        return self.places[self._home(node).key]

    def _survey(self, node: Node) -> dict[Key, Facts]:
        """The schemas that can be reached from this one, and are not compiled; it comes first."""
        found: dict[Key, Facts] = {}
        waiting = [node]
        while waiting:
            one = waiting.pop()
            if one.key in found or one.key in self.places:
                continue
            applied = self.applied(self.parts(one))
            names = applied.properties.items()
            hidden = tuple(name for name, nodes in names if self.hides(nodes))
            below, in_place = self._homes_of(applied.below()), self._homes_of(applied.in_place())
            inner = [node.key for node in (*below, *in_place)]
            found[one.key] = Facts(one, applied, hidden, inner)
            self._in_place[one.key] = [node.key for node in in_place]
            waiting.extend((*below, *in_place))
        return found

    def applied(self, parts: list[Node]) -> Applicators:
        """What is looked at where these schemas, the first of which joins the others, hold."""
        return applicators(parts)

    def _busy(self, found: dict[Key, Facts]) -> set[Key]:
        """The schemas that have something to do, or have one such below them."""
        users: dict[Key, list[Key]] = {}
        waiting: list[Key] = []
        for key, facts in found.items():
            if self.acts(facts) or any(self.places.get(one) for one in facts.inner):
                waiting.append(key)
            for one in facts.inner:
                users.setdefault(one, []).append(key)
        busy: set[Key] = set()
        while waiting:
            key = waiting.pop()
            if key not in busy:
                busy.add(key)
                waiting.extend(users.get(key, ()))
        return busy

    def acts(self, facts: Facts) -> bool:
        """Whether there is something to do at this schema itself."""
        raise NotImplementedError

    def tested(self, facts: Facts) -> Iterator[Node]:
        """The schemas whose verdict is asked for."""
        for choice in facts.applied.choices:
            if choice.keyword != FAMILY and self.runs(choice.branches):
                yield from choice.branches
        for one in facts.applied.conditions:
            if self.runs([node for node in (one.then, one.otherwise) if node is not None]):
                yield one.test

    def finish(self, busy: dict[Key, Facts]) -> None:
        """What can be done only when all places are compiled."""

    def choice(self, choice: Choice, runs: list[Run | None]) -> Run:
        """How a branch is chosen; `runs` are what its branches do."""
        raise NotImplementedError

    def hiding(self, node: Node) -> bool:
        """Whether a property that a pattern or nothing names is taken out."""
        return False

    def compile(self, facts: Facts, place: Place) -> None:
        """Say at a place what is to be done; the places inside may still be empty."""
        applied = facts.applied
        for name, nodes in applied.properties.items():
            runs = self.runs(nodes)
            if runs:
                place.members.append((name, in_turn(runs)))
        place.rests.extend(self._rests(applied.rests))
        place.arrays.extend(self._arrays(applied.arrays))
        place.branches.extend(self._branches(facts.node, applied))

    def _rests(self, rests: Iterable[Rest]) -> Iterator[Run]:
        for rest in rests:
            patterns = [(word, self._rewriting(node)) for word, node in rest.patterns]
            additional = self._rewriting(rest.additional)
            if any(one.hides or one.run for one in (additional, *(one for _, one in patterns))):
                compiled = tuple((self.schemas.matcher(word), one) for word, one in patterns)
                yield RestRewriting(rest.known, compiled, additional).run

    def _rewriting(self, node: Node | None) -> Rewriting:
        if node is None:
            return Rewriting(False, None)
        return Rewriting(self.hiding(node), self._run(node))

    def _arrays(self, arrays: Iterable[Items]) -> Iterator[Run]:
        for items in arrays:
            prefix = tuple(self._run(one) for one in items.prefix)
            rest = self._run(items.rest)
            if rest or any(prefix):
                yield ItemsRewriting(prefix, rest).run

    def _branches(self, owner: Node, applied: Applicators) -> Iterator[Run]:
        for choice in applied.choices:
            runs = [self._branch(owner, one) for one in choice.branches]
            if any(runs):
                yield self.choice(choice, runs)
        for one in applied.conditions:
            then, otherwise = self._branch(owner, one.then), self._branch(owner, one.otherwise)
            if then or otherwise:
                yield TestedBranch(self.test(one.test), then, otherwise).run
        for name, node in applied.dependents:
            run = self._branch(owner, node)
            if run:
                yield TestedBranch(has_property(name), run, None).run

    def _branch(self, owner: Node, node: Node | None) -> Run | None:
        """What a branch does; nothing if it leads back to the schema that it is a branch of."""
        if node is None or self._comes_back(node, owner.key):
            return None
        return self._run(node)

    def _comes_back(self, node: Node, owner: Key) -> bool:
        seen, waiting = set[Key](), [self._home(node).key]
        while waiting:
            key = waiting.pop()
            if key == owner:
                return True
            if key not in seen:
                seen.add(key)
                waiting.extend(self._in_place.get(key, ()))
        return False

    def _run(self, node: Node | None) -> Run | None:
        place = self.places[self._home(node).key] if node is not None else None
        return place.run if place is not None else None

    def runs(self, nodes: Iterable[Node]) -> list[Run]:
        """What several schemas of one value do to it."""
        return [run for run in map(self._run, nodes) if run is not None]

    def test(self, node: Node) -> Test:
        """Whether a value is valid; raises ValueError for one that is not JSON."""
        return self.schemas.validator(node, self.direction).is_valid

    def parts(self, node: Node) -> list[Node]:
        """What `joined` says, said once."""
        key = node.key
        if key not in self._joined:
            self._joined[key] = joined(node)
        return self._joined[key]

    def _home(self, node: Node) -> Node:
        """The schema itself where a node only refers to it: so it is compiled once."""
        if "$ref" not in node:
            return node
        key = node.key
        if key not in self._homes:
            self._homes[key] = home(node)
        return self._homes[key]

    def _homes_of(self, nodes: Iterable[Node]) -> list[Node]:
        return [self._home(one) for one in nodes]

    def hides(self, nodes: Iterable[Node]) -> bool:
        """Whether a property with these schemas does not travel in this direction."""
        word = HIDDEN[self.direction]
        return any(part.value.get(word) is True for node in nodes for part in self.parts(node))


def inner_first(found: dict[Key, Facts]) -> list[Facts]:
    """All facts, those of inner schemas before those of the schemas around them."""
    order: dict[Key, Facts] = {}
    entered: set[Key] = set()
    waiting = [(key, False) for key in reversed(found)]
    while waiting:
        key, left = waiting.pop()
        if left:
            order[key] = found[key]
        elif key not in entered and key in found:
            entered.add(key)
            waiting.append((key, True))
            waiting.extend((one, False) for one in found[key].inner)
    return list(order.values())


def tag_of(choice: Choice, runs: list[Run | None]) -> Tag | None:
    """The discriminator of a choice; `runs` are what its branches do."""
    if choice.tag is None:
        return None
    named = {
        word: (runs[places[0]],) if len(places) == 1 else ()
        for word, places in choice.named.items()
    }
    return Tag(choice.tag, named, () if choice.other is None else (runs[choice.other],))


def family_tag(choice: Choice, runs: list[Run | None]) -> Tag | None:
    """The discriminator of a parent: it means every child that it names, or else all of them."""
    if choice.tag is None:
        return None
    named = {word: tuple(runs[one] for one in places) for word, places in choice.named.items()}
    return Tag(choice.tag, named, tuple(runs) if choice.other is None else (runs[choice.other],))
