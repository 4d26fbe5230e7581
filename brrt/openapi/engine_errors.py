"""What the engine finds wrong with a value, put into our own terms.

An explanation costs time, so there are limits to it, and what is secret is marked here, so that
no message shows it. How a violation is told is the subject of `validation`.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

import jsonschema_rs

from brrt.openapi.effort import Effort, effort
from brrt.openapi.json_values import is_list, is_mapping, mapping, split_pointer
from brrt.openapi.secrets import HIDDEN_NAME, Secrets

# Values in an instance whose violations are explained one by one. The engine takes some 20 us
# to explain one, all of them at once: 1 MiB of wrong numbers would stop everything for 16 s.
MAX_EXPLAINED = 500
# Values in an instance whose violations are looked for at all: this takes up to 5 us for each.
MAX_SURVEYED = 10_000
# Violations that are noted of a large instance, or of many.
MAX_NOTED = 100
# What explanations may cost (`effort`), where branches of unions multiply: up to 50 us for each
# unit. To survey costs up to 5 us for each visit.
MAX_COST = 20_000
MAX_VISITS = 100_000

_TOO_MUCH = Effort(MAX_VISITS, MAX_COST)

_UNSURVEYED = "breaks its schema, and is too large to say where"
_UNEVALUATED = ("unevaluatedProperties", "unevaluatedItems")
_IN_PLACE = frozenset(
    ["allOf", "anyOf", "oneOf", "if", "then", "else", "dependentSchemas", "$ref", "$dynamicRef"]
)
_MISSING = " is a required property"
# What the engine says of a schema that is `false` goes on with the value itself.
_FALSE = "False schema"
# Keywords of which the engine's words show names but no values.
_NAMES_ONLY = frozenset({"additionalProperties", "unevaluatedProperties"})
# Keywords of which the words show names, and those of which they show whole values.
_NAMING = _NAMES_ONLY | {"propertyNames"}
_WHOLE = frozenset({"const", "enum", "not"})
# Keywords of which a note does not say enough: what the schema holds is not what is wrong.
_UNSAID = frozenset({"unevaluatedItems", "propertyNames"})
_BAD_NAME = "has a property whose name is not allowed"


@dataclass(frozen=True, slots=True)
class SchemaError:
    """One violation, in the engine's terms.

    `path` leads into the instance; `value` is the keyword's own value where it has one (of
    `propertyNames` the error of the name); `branches` holds the errors of each branch of an
    `anyOf` or `oneOf`, none for a branch that is valid. Of a note the value may not be known.
    `is_secret` says that neither the instance nor the keyword's value may be shown; `hidden` are
    the steps of the path that are secret names.
    """

    path: tuple[str | int, ...]
    keyword: str
    value: Any
    message: str
    instance: Any
    branches: tuple[tuple["SchemaError", ...], ...] = ()
    is_note: bool = False
    is_secret: bool = False
    hidden: tuple[int, ...] = ()

    @property
    def shown(self) -> tuple[str | int, ...]:
        """The path as it may be told."""
        hidden = self.hidden
        return tuple(HIDDEN_NAME if at in hidden else step for at, step in enumerate(self.path))


@dataclass(frozen=True, slots=True)
class Background:
    """What the engine does not tell: `lookup` gives what stands at one of its URIs.

    `patterns` leads from the patterns that it was given to those of the document.
    """

    lookup: Callable[[str], Any]
    patterns: Mapping[str, str]


class Validator:
    """A compiled schema. `is_valid` is the engine's own bound method: nothing in between.

    `is_valid` raises ValueError for an instance that is not made of JSON types.
    """

    __slots__ = ("_background", "_engine", "_schema", "is_valid", "secrets")

    def __init__(
        self,
        engine: jsonschema_rs.Draft202012Validator,
        schema: Any,
        secrets: Callable[[], Secrets],
        background: Background,
    ) -> None:
        """`schema` is what was compiled; `secrets` gives the places that must not be shown."""
        self._engine = engine
        self._schema = schema
        self._background = background
        self.secrets = secrets
        self.is_valid = engine.is_valid

    def errors(self, instance: Any) -> Iterator[SchemaError]:
        """Every violation, one by one; of a large instance the first ones, in fewer words."""
        return self._errors(instance, self._effort(instance), spent=0)

    def item_errors(self, items: Iterable[Any], start: int = 0) -> Iterator[SchemaError]:
        """The violations in values that are checked each by itself, under places from `start` on.

        They are bounded together as those of one instance are: the first ones are told.
        """
        return islice(self._item_errors(items, start), MAX_NOTED)

    def _item_errors(self, items: Iterable[Any], start: int) -> Iterator[SchemaError]:
        spent = 0
        for place, item in enumerate(items, start):
            if not self.is_valid(item):
                needed = self._effort(item) if spent < MAX_VISITS else _TOO_MUCH
                yield from self._errors(item, needed, spent, (place,))
                spent += needed.cost

    def _effort(self, instance: Any) -> Effort:
        size = _size(instance, MAX_SURVEYED)
        if size >= MAX_SURVEYED:
            return _TOO_MUCH
        needed = effort(self._schema, instance, self._background.lookup, MAX_VISITS)
        return needed if size < MAX_EXPLAINED else needed._replace(cost=MAX_COST)

    def _errors(
        self, instance: Any, needed: Effort, spent: int, within: tuple[int, ...] = ()
    ) -> Iterator[SchemaError]:
        """The violations, as well as they can be told after so much was spent on others."""
        explain = _Explainer(self.secrets(), self._background, within)
        if spent + needed.cost < MAX_COST:
            found = _believable(list(self._engine.iter_errors(instance)))
            return map(explain.error, found)
        if spent + needed.visits < MAX_VISITS:
            noted = self._engine.evaluate(instance).errors()
            return (explain.note(one, instance) for one in noted[:MAX_NOTED])
        return iter([SchemaError(within, "size", None, _UNSURVEYED, None, is_note=True)])


@dataclass(frozen=True, slots=True)
class _Explainer:
    """Puts the errors in one instance, which may stand `within` another, into our terms."""

    secrets: Secrets
    background: Background
    within: tuple[str | int, ...] = ()

    def error(self, error: jsonschema_rs.ValidationError) -> SchemaError:
        """An error with its branches."""
        path, got = tuple(error.instance_path), error.instance
        keyword, value = self._keyword(error)
        context: list[Any] = getattr(error.kind, "context", None) or []
        return SchemaError(
            path=(*self.within, *path),
            keyword=keyword,
            value=value,
            message=error.message,
            instance=got,
            branches=tuple(tuple(map(self.error, branch)) for branch in context),
            is_secret=self._is_secret(path, keyword, got),
            hidden=self._hidden(path),
        )

    def _hidden(self, path: tuple[str | int, ...]) -> tuple[int, ...]:
        return tuple(len(self.within) + step for step in self.secrets.hidden_steps(path))

    def _is_secret(self, path: tuple[str | int, ...], keyword: str, got: Any) -> bool:
        """Whether words about a value could show a secret: itself, or one that is part of it.

        A text in the place of an object may be that object, written in another way.
        """
        if keyword in _NAMING and self.secrets.hides_names(path):
            return True
        is_whole = keyword in _WHOLE or not (is_mapping(got) or is_list(got))
        return self.secrets.holds_secret(path) if is_whole else self.secrets.is_secret(path)

    def _keyword(self, error: jsonschema_rs.ValidationError) -> tuple[str, Any]:
        """The keyword and its value, where the engine has names of its own for them."""
        keyword, value, steps = error.kind.name, error.kind.value, error.schema_path
        if keyword == "falseSchema":
            return self._forbidden(str(error.absolute_keyword_location))
        if keyword == "propertyNames":
            return keyword, self.error(value)
        if keyword == "contains" and steps:
            return str(steps[-1]), self.background.lookup(str(error.absolute_keyword_location))
        if keyword == "pattern":
            if not isinstance(error.kind, jsonschema_rs.ValidationErrorKind.Pattern):
                return "pattern limit", None
            return keyword, self.background.patterns.get(value, value)
        return keyword, value

    def _forbidden(self, location: str) -> tuple[str, Any]:
        """The keyword that held a schema which is `false`, where it says more than that."""
        steps = split_pointer(location)
        if steps[-1:] == ["additionalProperties"]:
            return "additionalProperties", ["any property"]  # the engine gives no names
        if steps[-1:] == ["propertyNames"]:
            return "propertyNames", None
        if steps[-2:-1] == ["properties"]:
            holder = self.background.lookup(location.rsplit("/", 2)[0])
            return mapping(holder).get("$comment", "falseSchema"), None  # a translator's remark
        return "falseSchema", steps[-1] if steps[-2:-1] == ["dependentSchemas"] else None

    def note(self, error: Mapping[str, Any], instance: Any) -> SchemaError:
        """A line of the engine's evaluation: where, and what. Its words would show the value."""
        path, got = _step_down(instance, split_pointer(error["instanceLocation"]))
        location, text = str(error["schemaLocation"]), str(error["error"])
        steps = split_pointer(location)
        keyword, value, message = steps[-1], self.background.lookup(location), ""
        if text.endswith(_MISSING):
            keyword, value = "required", json.loads(text.removesuffix(_MISSING))
        elif "propertyNames" in steps[-2:]:
            keyword, message = "propertyNames", _BAD_NAME
        elif keyword in _NAMES_ONLY and not text.startswith(_FALSE):
            message = text
        elif value is False:
            keyword, value = self._forbidden(location)
        elif keyword == "pattern":
            value = self.background.patterns.get(value, value)
        value = None if keyword in _UNSAID else value
        is_secret, hidden = self._is_secret(path, keyword, got), self._hidden(path)
        path = (*self.within, *path)
        return SchemaError(path, keyword, value, message, got, (), True, is_secret, hidden)


def _step_down(instance: Any, tokens: list[str]) -> tuple[tuple[str | int, ...], Any]:
    """A path as steps into an instance, and what stands there."""
    path: tuple[str | int, ...] = ()
    for token in tokens:
        if is_mapping(instance):
            instance, path = instance[token], (*path, token)
        else:
            instance, path = instance[int(token)], (*path, int(token))
    return path, instance


def _believable(found: list[jsonschema_rs.ValidationError]) -> list[jsonschema_rs.ValidationError]:
    """Without what is only said because something else failed.

    A part of a schema that fails leaves all that it knows unevaluated (JSON Schema 2020-12,
    section 11.3), so complaints about that would be false as soon as the rest is mended.
    """
    return [
        one
        for one in found
        if one.kind.name not in _UNEVALUATED or not any(_spoils(other, one) for other in found)
    ]


def _spoils(error: jsonschema_rs.ValidationError, complaint: jsonschema_rs.ValidationError) -> bool:
    """Whether an error is in a part of the schema that says which members are evaluated."""
    schema, steps = complaint.evaluation_path[:-1], error.evaluation_path
    inner = steps[len(schema) : len(schema) + 1]
    below = error.instance_path[: len(complaint.instance_path)] == complaint.instance_path
    return steps[: len(schema)] == schema and inner[0] in _IN_PLACE and below


def _size(instance: Any, enough: int) -> int:
    """How many values an instance holds; counts no further than `enough`."""
    count, waiting = 1, [instance]
    while waiting and count < enough:
        one = waiting.pop()
        inner = list(one.values()) if is_mapping(one) else one if is_list(one) else ()
        count += len(inner)
        waiting.extend(inner[:enough])
    return count
