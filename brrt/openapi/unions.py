"""Unions of classes told apart by a discriminator: which value of its property means which class.

OpenAPI 3.0.4, section 4.7.25; 3.1.1, section 4.8.25. The branches are those of `oneOf` or
`anyOf`, or the components that extend the schema by `allOf`. A branch belongs to the class that
names the value, by a `Literal` field or the tag of a Struct, or else to the class whose name is
that of the schema or of the value, however it is written (`polar_bear`, `PolarBear`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from brrt.openapi.alternatives import Joint, alternatives
from brrt.openapi.applicators import (
    FAMILY,
    Choice,
    applicators,
    family,
    home,
    joined,
)
from brrt.openapi.document import Key, Node
from brrt.openapi.families import Families
from brrt.openapi.hints import choices, name_of
from brrt.openapi.models import class_of, is_model, read_model, tag_of
from brrt.openapi.operations import snake_case


@dataclass(frozen=True, slots=True)
class Branch:
    """A schema that a discriminator leads to, by the values of its property.

    `is_default` says that it is also meant where the property is missing (3.2).
    """

    name: str
    tags: frozenset[str]
    node: Node
    is_default: bool = False
    is_parent: bool = False


@dataclass(frozen=True, slots=True)
class Chosen:
    """A class and the schema of its values."""

    hint: Any
    schema: Joint


@dataclass(frozen=True, slots=True)
class Union:
    """Classes by the value of a property; `other` is meant where it is missing."""

    property: str
    classes: Mapping[str, Chosen]
    other: Chosen | None

    def chosen(self) -> list[Chosen]:
        """Each branch with its class, once."""
        found = [*self.classes.values(), *([self.other] if self.other else [])]
        return list({id(one): one for one in found}.values())


class UndecidedError(Exception):
    """A union whose classes and branches do not match; `cure` says what to do."""

    def __init__(self, message: str, cure: str) -> None:
        super().__init__(message)
        self.cure = cure


def read_union(hints: list[Any], schema: Joint) -> Union:
    """Which class is meant when. Raises `UndecidedError` where that is not clear."""
    found = _discriminator(schema)
    if found is None:
        if all(tag_of(one) is not None for one in hints):  # told apart by the classes themselves
            return Union("", {}, None)
        names = " and ".join(map(name_of, hints))
        message = f"could be {names}, and the document does not say which"
        cure = "give the schema a discriminator, or take a dict, or use models of pydantic"
        raise UndecidedError(message, cure)
    name, branches = found
    owners = {branch.name: _owner(hints, name, branch) for branch in branches}
    unused = [one for one in hints if all(one is not owner for owner in owners.values())]
    if unused:
        known = ", ".join(branch.name for branch in branches)
        message = f"may be {name_of(unused[0])}, which is none of the branches {known}"
        raise UndecidedError(message, "name the class like its schema, or take it out")
    classes: dict[str, Chosen] = {}
    other: Chosen | None = None
    for branch in branches:
        owner = owners[branch.name]
        if owner is not None:
            chosen = Chosen(owner, (branch.node,))
            classes |= dict.fromkeys(sorted(branch.tags), chosen)
            other = chosen if branch.is_default else other
    return Union(name, classes, other)


def _owner(hints: list[Any], name: str, branch: Branch) -> Any:
    """The class of a branch; None for a parent that no class stands for."""
    for one in hints:
        tag = tag_of(one)
        if tag is not None and tag[0] != name:
            message = f"may be {name_of(one)}, whose tag is in {tag[0]!r}, but the document's in"
            cure = f"write `tag_field={name!r}` at the class"
            raise UndecidedError(f"{message} {name!r}", cure)
    by_tag = [one for one in hints if branch.tags & (_tags(one, name) or frozenset())]
    if by_tag:
        return by_tag[0]
    words = {_plain(word) for word in (branch.name, *branch.tags)}
    for one in hints:
        if _tags(one, name) is None and _plain(class_of(one).__name__) in words:
            return one
    if branch.is_parent:
        return None
    names = " and ".join(map(name_of, hints))
    message = f"could be {names}, but none of them is the document's {branch.name!r}"
    raise UndecidedError(message, "add a class of that name to the union")


def _plain(name: str) -> str:
    return snake_case(name).replace("_", "")


def _tags(hint: Any, name: str) -> frozenset[str] | None:
    """The values of the discriminator that a class names; None where it names none."""
    tag = tag_of(hint)
    if tag is not None:
        return frozenset({tag[1]})
    if not is_model(hint):
        return None
    inner = [choices(one.hint) for one in read_model(hint).fields if name in one.names]
    literals = [one for hints in inner for one in hints if class_of(one) is Literal]
    found = frozenset(str(value) for one in literals for value in get_args(one))
    return found or None


def _discriminator(schema: Joint) -> tuple[str, list[Branch]] | None:
    """The first discriminator that a schema, or a branch of it, has; and where it leads."""
    seen, waiting = set[Key](), list(schema)
    while waiting:
        one = waiting.pop(0)
        if one.key in seen:
            continue
        seen.add(one.key)
        parts = joined(one)
        families = (family(part, Families(part.document)) for part in parts if _has_one(part))
        for choice in (*applicators(parts).choices, *filter(None, families)):
            if choice.tag is not None:
                return choice.tag, list(_branches(choice))
            waiting.extend(choice.branches)
    return None


def _has_one(part: Node) -> bool:
    return "discriminator" in part


def _branches(choice: Choice) -> Iterator[Branch]:
    for place, node in enumerate(choice.branches):
        found = alternatives((node,)) or []
        if found and all(one.types and "object" not in one.types for one in found):
            continue
        tags = frozenset(tag for tag, where in choice.named.items() if place in where)
        yield Branch(_title(node), tags, node, is_default=choice.other == place)
    parents = frozenset(tag for tag, where in choice.named.items() if not where)
    if choice.keyword == FAMILY and parents:
        yield Branch(min(parents), parents, choice.branches[0], is_parent=True)


def _title(node: Node) -> str:
    return home(node).pointer.rpartition("/")[2]
