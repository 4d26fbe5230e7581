"""What is secret stands in no message: not the value, nor what it should have been."""

from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import msgspec
import pydantic
import pytest

from brrt.openapi import conversion
from brrt.openapi.binding import Taken
from brrt.openapi.complaints import Complaint, UnfitError
from brrt.openapi.document import load
from brrt.openapi.families import Families
from brrt.openapi.schemas import Direction, Schemas
from brrt.openapi.secrets import MAX_SCHEMAS, MemberSecrets, Secrets
from brrt.openapi.validation import Violation, violations

Page = Any
REF = "#/components/schemas/"
PASSWORD = {"type": "string", "format": "password", "minLength": 8}
HUNTER = "hunter2"


def told(page: Page, schema: Any, value: Any, version: str = "3.1.0", **schemas: Any) -> str:
    """All messages in one text."""
    validator = page.validator(schema, version=version, **schemas)
    found = list(violations("body", "", validator.errors(value)))
    assert found
    return "\n".join(f"{one.pointer} {one.message}" for one in found)


SECRET: list[tuple[Any, Any]] = [
    ({"properties": {"p": PASSWORD}}, {"p": HUNTER}),
    ({"properties": {"p": {**PASSWORD, "pattern": "^x"}}}, {"p": HUNTER}),
    ({"properties": {"p": {**PASSWORD, "maxLength": 3}}}, {"p": HUNTER}),
    ({"properties": {"p": {"type": "integer", "format": "password"}}}, {"p": HUNTER}),
    ({"properties": {"p": {"format": "password", "enum": ["right"]}}}, {"p": HUNTER}),
    ({"properties": {"p": {"format": "password", "const": "right"}}}, {"p": HUNTER}),
    ({"properties": {"p": {"format": "password", "not": {"const": HUNTER}}}}, {"p": HUNTER}),
    ({"properties": {"p": {"writeOnly": True, "type": "integer"}}}, {"p": HUNTER}),
    ({"properties": {"p": {"writeOnly": True, "items": {"type": "integer"}}}}, {"p": [HUNTER]}),
    (
        {
            "properties": {
                "p": {"writeOnly": True, "properties": {"a": {"properties": {"b": {"maximum": 9}}}}}
            }
        },
        {"p": {"a": {"b": 1234567}}},
    ),
    ({"properties": {"p": {"$ref": REF + "Password"}}}, {"p": HUNTER}),
    (
        {"properties": {"p": {"allOf": [{"$ref": REF + "Password"}, {"minLength": 9}]}}},
        {"p": HUNTER},
    ),
    ({"properties": {"p": {"anyOf": [PASSWORD, {"type": "integer"}]}}}, {"p": HUNTER}),
    (
        {"properties": {"p": {"oneOf": [{"const": "right"}, {"const": "too"}], "writeOnly": True}}},
        {"p": HUNTER},
    ),
    ({"properties": {"p": {"if": {"maxLength": 99}, "then": PASSWORD}}}, {"p": HUNTER}),
    ({"items": {"properties": {"p": PASSWORD}}}, [{"p": HUNTER}]),
    ({"prefixItems": [{}, PASSWORD]}, [1, HUNTER]),
    ({"additionalProperties": PASSWORD}, {"anything": HUNTER}),
    ({"patternProperties": {"^p": PASSWORD}}, {"p": HUNTER}),
    ({"unevaluatedProperties": PASSWORD}, {"p": HUNTER}),
    ({"dependentSchemas": {"p": {"properties": {"p": PASSWORD}}}}, {"p": HUNTER}),
    ({"$dynamicRef": REF + "Account"}, {"p": HUNTER}),
    ({"$ref": REF + "Account"}, {"p": HUNTER}),
    # the object around it
    ({"type": "string"}, {"p": HUNTER}),
    ({"enum": [1]}, {"p": HUNTER}),
    ({"const": 1}, [HUNTER]),
    ({"type": "integer", "properties": {"p": PASSWORD}}, {"p": HUNTER}),
    ({"not": {"required": ["p"]}}, {"p": HUNTER}),
    ({"anyOf": [{"type": "string"}, {"type": "integer"}]}, {"p": HUNTER}),
    ({"maxProperties": 0, "properties": {"p": PASSWORD}}, {"p": HUNTER}),
    ({"properties": {"p": {"type": "array", "uniqueItems": True}}}, {"p": [HUNTER, HUNTER]}),
    ({"contains": {"const": 1}}, [HUNTER]),
    ({"prefixItems": [{}], "unevaluatedItems": False}, [1, HUNTER]),
    ({"writeOnly": True, "propertyNames": {"maxLength": 1}}, {HUNTER: 1}),
    # what the whole object must or must not be
    ({"properties": {"p": PASSWORD}, "const": {"p": "right"}}, {"p": HUNTER * 2}),
    ({"properties": {"p": PASSWORD}, "enum": [{"p": "right"}]}, {"p": HUNTER * 2}),
    ({"items": PASSWORD, "enum": [["right"]]}, [HUNTER * 2]),
    ({"properties": {"p": PASSWORD}, "not": {"const": {"p": HUNTER * 2}}}, {"p": HUNTER * 2}),
    # an object that was sent as a text
    ({"type": "object", "properties": {"p": PASSWORD}}, f"p={HUNTER}"),
    ({"type": "array", "items": {"properties": {"p": PASSWORD}}}, f"p={HUNTER}"),
    # names that a client made up
    ({"propertyNames": {"format": "password", "maxLength": 1}}, {HUNTER: 1}),
    (
        {
            "propertyNames": {"$ref": REF + "Password"},
            "additionalProperties": False,
            "properties": {"a": {}},
        },
        {HUNTER: 1},
    ),
    ({"propertyNames": PASSWORD, "additionalProperties": {"type": "null"}}, {HUNTER * 2: 1}),
    ({"writeOnly": True, "additionalProperties": {"type": "null"}}, {HUNTER: 1}),
    ({"writeOnly": True, "patternProperties": {"^h": {"type": "null"}}}, {HUNTER: 1}),
    (
        {"writeOnly": True, "additionalProperties": {"items": {"required": ["a"]}}},
        {HUNTER: [{}]},
    ),
    ({"writeOnly": True, "additionalProperties": False, "properties": {"a": {}}}, {HUNTER: 1}),
]


@pytest.mark.parametrize(("schema", "value"), SECRET, ids=str)
@pytest.mark.parametrize("size", [0, 600], ids=["explained", "noted"])
def test_secrets_are_not_told(page: Page, schema: Any, value: Any, size: int) -> None:
    """Wherever it stands, in a small value or in a large one of which only notes are made."""
    account = {"properties": {"p": {"$ref": REF + "Password"}}}
    whole = {"properties": {"value": schema}, "x": {}}
    large = {"value": value, "x": [0] * size}
    text = told(page, whole, large, Password=PASSWORD, Account=account)
    for secret in (HUNTER, "right", "too", "1234567"):
        assert secret not in text.replace(" too ", "")
    assert "/value" in text


@pytest.mark.parametrize(
    "schema", [PASSWORD, {"type": "string", "writeOnly": True, "minLength": 8}], ids=str
)
def test_secrets_of_3_0(page: Page, schema: Any) -> None:
    """The same words mean the same there."""
    whole = {"type": "object", "properties": {"p": schema}}
    text = told(page, whole, {"p": HUNTER}, version="3.0.3")
    assert text == "/p p: must have at least 8 characters"


def test_names_that_are_declared_are_told(page: Page) -> None:
    """A secret object has its declared names in pointers; others are hidden, item by item."""
    schema = {
        "writeOnly": True,
        "properties": {"a": {"additionalProperties": {"type": "null"}}},
    }
    assert told(page, schema, {"a": {HUNTER: 1}}) == "/a/… a.…: must be null"
    validator = page.validator({"items": schema})
    [error] = validator.item_errors([[], [{}, {"a": {HUNTER: 1}}]])
    assert error.path == (1, 1, "a", HUNTER)
    assert error.shown == (1, 1, "a", "…")


def test_what_is_no_secret_is_told(page: Page) -> None:
    """Beside a secret, values are shown as always."""
    schema = {"properties": {"p": PASSWORD, "name": {"type": "integer"}}}
    text = told(page, schema, {"p": HUNTER, "name": "Tom"})
    assert '/name name: must be an integer, got "Tom"' in text
    assert HUNTER not in text


def test_secrets_of_children(page: Page) -> None:
    """What only the children of a schema know is secret as well, though they do not validate."""
    parent = {
        "required": ["kind"],
        "properties": {"kind": {"type": "string"}, "p": {"maxLength": 3}},
        "discriminator": {"propertyName": "kind"},
    }
    child = {"allOf": [{"$ref": REF + "Pet"}, {"properties": {"p": PASSWORD}}]}
    text = told(page, {"$ref": REF + "Pet"}, {"kind": "Cat", "p": HUNTER}, Pet=parent, Cat=child)
    assert text == "/p p: must have at most 3 characters"


def test_secrets_among_parameters(page: Page) -> None:
    """Each parameter is secret by its own schema."""
    number = {"type": "integer", "pattern": "^.$"}
    document = load(page.document(schemas={"P": PASSWORD, "N": number}))
    schemas, known = Schemas(document), document.root["components"]["schemas"]
    for name in "PN":
        schemas.add(known[name], Direction.REQUEST)
    members = {"key": known["P"], "limit": known["N"], "other": None}
    validator = schemas.object_validator(members, ("other",), frozenset())
    errors = list(validator.errors({"key": HUNTER, "limit": "xy"}))
    assert {one.keyword: one.is_secret for one in errors} == {
        "minLength": True,
        "type": False,
        "pattern": False,
        "required": False,
    }
    assert "^.$" in [one.value for one in errors]


def test_secrets_in_other_files(tmp_path: Path) -> None:
    """References are followed wherever they lead."""
    (tmp_path / "api.yaml").write_text(
        "openapi: 3.1.0\ninfo: {title: t, version: '1'}\npaths: {}\ncomponents:\n  schemas:\n"
        "    Tested: {$ref: account.json}\n"
    )
    (tmp_path / "account.json").write_text(
        '{"properties": {"p": {"$ref": "#/$defs/secret"}},'
        ' "$defs": {"secret": {"writeOnly": true, "type": "integer"}}}'
    )
    document = load(tmp_path / "api.yaml")
    place, schemas = document.root["components"]["schemas"]["Tested"], Schemas(document)
    schemas.add(place, Direction.REQUEST)
    (error,) = schemas.validator(place, Direction.REQUEST).errors({"p": HUNTER})
    assert error.is_secret


def secrets(page: Page, schema: Any, **schemas: Any) -> Secrets:
    document = load(page.document(schemas={"Tested": schema, **schemas}), strict=False)
    place = document.root["components"]["schemas"]["Tested"]
    return Secrets(Families(document), place)


def test_places(page: Page) -> None:
    """A place is secret, or holds a secret, or has nothing to do with one."""
    account = {"properties": {"p": PASSWORD, "tags": {"items": {"type": "string"}}}}
    found = secrets(page, {"items": account, "properties": {"x": {}}})
    assert found.is_secret((0, "p"))
    assert found.is_secret((5, "p", "deeper"))
    assert not any(map(found.is_secret, [(), (0,), (0, "tags"), (0, "tags", 1), ("x",), ("y", 1)]))
    assert found.is_secret((None, "p"))
    assert found.is_secret((0, None))
    assert [found.holds_secret(path) for path in [(), (0,), (0, "p")]] == [True] * 3
    assert not any(map(found.holds_secret, [(0, "tags"), ("x",), ("y",)]))


def test_named_properties_are_not_additional(page: Page) -> None:
    """What a schema knows by name is not what its `additionalProperties` speak of."""
    found = secrets(page, {"properties": {"a": {}}, "additionalProperties": PASSWORD})
    assert not found.is_secret(("a",))
    assert found.is_secret(("b",))


def test_recursive_schemas_end(page: Page) -> None:
    """A schema that contains itself is looked at once at each place."""
    node = {
        "properties": {"next": {"$ref": REF + "Tested"}, "v": {}},
        "anyOf": [{"$ref": REF + "Tested"}],
    }
    found = secrets(page, node)
    assert not found.is_secret(("next",) * 50)
    assert not found.holds_secret(())


def test_too_many_schemas_are_secret(page: Page) -> None:
    """Where the search would not end, nothing is shown."""
    many: Any = {"allOf": [{} for _ in range(MAX_SCHEMAS + 1)]}
    assert secrets(page, many).is_secret(())


def test_members(page: Page) -> None:
    """Of members that nobody declared nothing is known, so nothing is secret."""
    document = load(page.document(schemas={"P": PASSWORD}))
    place = document.root["components"]["schemas"]["P"]
    found = MemberSecrets(Families(document), {"key": place})
    assert [found.is_secret(path) for path in [(), ("key",), ("other",)]] == [False, True, False]


class Colour(Enum):
    """What msgspec names in its complaints."""

    RED = "red"


@dataclass
class Account:
    """A body that a handler may ask for."""

    p: Colour
    name: int = 0


class Checked(pydantic.BaseModel):
    """A model whose author shows what is wrong."""

    p: str
    name: str = ""

    @pydantic.field_validator("p", "name")
    @classmethod
    def shows(cls, value: str) -> str:
        """Repeats the value."""
        raise ValueError(f"bad {value}")


class Whole(pydantic.BaseModel):
    """A model whose author shows a member in what is said of the whole."""

    p: str

    @pydantic.model_validator(mode="after")
    def shows(self) -> "Whole":
        """Repeats the value."""
        raise ValueError(f"bad {self.p}")


def converted(page: Page, hint: Any, value: Any, schema: Any, within: Any = ()) -> list[str]:
    """What is told of a value that does not fit a hint."""

    def convert(given: Any) -> Any:
        if isinstance(hint, type) and issubclass(hint, pydantic.BaseModel):
            return hint.model_validate(given)
        return msgspec.convert(given, hint)

    found: list[Violation] = []
    known = secrets(page, schema)
    taken = Taken("body", convert, optional=False)
    conversion.convert({"body": value}, taken, "body", "", found, lambda: [known], within)
    return [one.message for one in found]


class Table(pydantic.BaseModel):
    """A model with a member whose names a client makes up."""

    m: dict[str, dict[str, int]]


ACCOUNT = {"properties": {"p": {"type": "string", "format": "password"}, "name": {}}}
UNSAID = "is not what is needed here"
CONVERTED: list[tuple[Any, Any, Any, list[str]]] = [
    (Account, {"p": HUNTER}, ACCOUNT, [f"p: {UNSAID}"]),
    (Account, {"p": HUNTER}, {}, [f"p: Invalid enum value '{HUNTER}'"]),
    (Account, {"p": "red", "name": "x"}, ACCOUNT, ["name: Expected `int`, got `str`"]),
    (dict[str, Account], {"k": {"p": HUNTER}}, {"additionalProperties": ACCOUNT}, [f"p: {UNSAID}"]),
    (list[Account], [{"p": HUNTER}], {"items": ACCOUNT}, [f"0.p: {UNSAID}"]),
    (
        Checked,
        {"p": HUNTER, "name": "Tom"},
        ACCOUNT,
        [f"p: {UNSAID}", "name: Value error, bad Tom"],
    ),
    (Whole, {"p": HUNTER}, ACCOUNT, [UNSAID]),
    (Whole, {"p": HUNTER}, {}, [f"Value error, bad {HUNTER}"]),
    (int, HUNTER, {"format": "password"}, [UNSAID]),
    (
        Table,
        {"m": {HUNTER: {"n": "x"}}},
        {"properties": {"m": {"writeOnly": True}}},
        [f"m.….…: {UNSAID}"],
    ),
]


@pytest.mark.parametrize(("hint", "value", "schema", "expected"), CONVERTED, ids=str)
def test_secrets_in_conversions(
    page: Page, hint: Any, value: Any, schema: Any, expected: list[str]
) -> None:
    """What a library or the author of a model says of a value is told if it shows no secret."""
    assert converted(page, hint, value, schema) == expected


def test_secrets_in_conversions_of_members(page: Page) -> None:
    """A member of a body is secret by the schema of the body."""
    assert converted(page, Colour, HUNTER, ACCOUNT, ("p",)) == [UNSAID]
    assert HUNTER in converted(page, Colour, HUNTER, ACCOUNT, ("name",))[0]


def test_secrets_behind_steps_that_do_not_lead_through_the_value(page: Page) -> None:
    """Where a path cannot be followed, anything below may be meant: then nothing is told."""

    def convert(given: Any) -> Any:
        raise UnfitError(
            [Complaint(("[key]", "p"), "bad hun..."), Complaint(("name",), "bad T...")]
        )

    found: list[Violation] = []
    known = secrets(page, {"additionalProperties": ACCOUNT, "properties": {"name": {}}})
    value = {"body": {"k": {"p": HUNTER}, "name": "Tom"}}
    taken = Taken("body", convert, optional=False)
    conversion.convert(value, taken, "body", "", found, lambda: [known])
    assert [one.message for one in found] == [f"[key].p: {UNSAID}", "name: bad T..."]
