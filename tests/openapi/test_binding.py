"""Handlers meet operations: names pick, the document decides, and every fault is told at once."""

import functools
import inspect
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
import pytest

from brrt.errors import Fault
from brrt.openapi.binding import Binding, bind
from brrt.openapi.markers import Cookie, Header, Path, Query
from brrt.openapi.operations import Operation

Page = Any


class FakeRequest:
    """Stands for what the framework supplies."""


class State:
    """Stands for what a lifespan yields."""


class Narrower(State):
    """A kind of it."""


@dataclass
class Pet:
    """A model."""

    name: str


def parameter(name: str, location: str = "query", **members: Any) -> dict[str, Any]:
    required = location == "path"
    return {"name": name, "in": location, "schema": {"type": "string"}, "required": required} | (
        members
    )


INTEGER = {"type": "integer"}
PARAMETERS = [
    parameter("petId", "path", schema=INTEGER),
    parameter("limit", schema=INTEGER),
    parameter("first", schema=INTEGER | {"default": 1}),
    parameter("must", required=True),
    parameter("X-Request-ID", "header"),
    parameter("same", "query"),
    parameter("same", "header"),
    parameter("class", "cookie"),
    parameter("price", required=True, schema={"type": "number"}),
    parameter("flag", schema=INTEGER, allowEmptyValue=True),
    parameter("filter", schema=None, content={"application/json": {"schema": {"type": "object"}}}),
]
for one in PARAMETERS:
    if one["schema"] is None:
        del one["schema"]
BODY = {"content": {"application/json": {"schema": {"type": "object"}}}}


def operation(page: Page, body: Any = None) -> Operation:
    members: dict[str, Any] = {"parameters": PARAMETERS}
    if body is not None:
        members["requestBody"] = body
    found: Operation = page.only(page.document(page.get(**members), path="/x/{petId}"))
    return found


def bound(
    page: Page,
    handler: Callable[..., Any],
    body: Any = None,
    state: type | None = None,
    **more: Any,
) -> tuple[Binding, list[Fault]]:
    """What binding gives, with the types of this file to inject."""
    injectables: dict[type, str] = {FakeRequest: "request"}
    has_state = more.get("has_state", state is not None)
    return bind(operation(page, body), handler, injectables, state, has_state)


def faults(page: Page, handler: Callable[..., Any], body: Any = None, **more: Any) -> list[str]:
    return [str(one) for one in bound(page, handler, body, **more)[1]]


def names(binding: Binding) -> dict[str, tuple[str, str]]:
    return {taken.name: place for place, taken in binding.parameters.items()}


async def test_names_are_found_in_snake_case(page: Page) -> None:
    """A parameter is found by its own name, in snake_case, or with an underscore at the end."""

    async def handler(
        pet_id: int, limit: int | None, first: int, class_: str | None, x_request_id: str | None
    ) -> None: ...

    binding, found = bound(page, handler)
    assert not found
    assert names(binding) == {
        "pet_id": ("path", "petId"),
        "limit": ("query", "limit"),
        "first": ("query", "first"),
        "class_": ("cookie", "class"),
        "x_request_id": ("header", "X-Request-ID"),
    }

    async def exact(petId: int) -> None: ...  # noqa: N803

    assert names(bound(page, exact)[0]) == {"petId": ("path", "petId")}


async def test_a_name_in_two_places_is_told_apart(page: Page) -> None:
    """`Annotated` says which is meant, by the document's name; headers have no case."""

    async def handler(
        a: Annotated[str | None, Query("same")],
        b: Annotated[str | None, Header("SAME")],
        c: Annotated[str | None, Cookie("class")],
        d: Annotated[int, Path("petId")],
    ) -> None: ...

    binding, found = bound(page, handler)
    assert not found
    assert names(binding) == {
        "a": ("query", "same"),
        "b": ("header", "same"),
        "c": ("cookie", "class"),
        "d": ("path", "petId"),
    }


async def test_only_what_must_be_is_converted(page: Page) -> None:
    """A text becomes an int at once; JSON may write one as 1.0, and a hint may have bounds."""
    schema = {"application/json": {"schema": INTEGER}}
    operation = page.only(
        page.document(
            page.get(
                parameters=[
                    parameter("plain", required=True, schema=INTEGER),
                    parameter("whole", required=True, schema={"type": "number", "multipleOf": 1}),
                    {"name": "json", "in": "query", "required": True, "content": schema},
                    parameter("bound", required=True, schema=INTEGER),
                ]
            )
        )
    )

    async def handler(
        plain: int,
        whole: int,
        json: int,
        x: Annotated[int, msgspec.Meta(lt=5), Query("bound")],
    ) -> None: ...

    binding, found = bind(operation, handler, {}, None, False)
    assert not found
    converters = {place[1]: taken.convert for place, taken in binding.parameters.items()}
    assert converters["plain"] is None
    for name in ("whole", "json"):
        convert = converters[name]
        assert convert is not None
        assert type(convert(1.0)) is int
    assert converters["bound"] is not None
    with pytest.raises(ValueError):
        converters["bound"](7)


async def test_the_body(page: Page) -> None:
    """The body is `body`, or the one parameter whose hint is a model or made of one."""

    async def named(body: dict[str, Any] | None) -> None: ...
    async def model(pet: Pet | None) -> None: ...
    async def untyped(body) -> None: ...  # type: ignore[no-untyped-def]
    async def both(limit: int | None, pet: Pet | None = None) -> None: ...

    for handler, name in ((named, "body"), (model, "pet"), (untyped, "body"), (both, "pet")):
        binding, found = bound(page, handler, BODY)
        assert not found
        assert binding.body is not None
        assert binding.body.name == name

    async def pets(pets: list[Pet]) -> None: ...

    array = {"required": True, "content": {"application/json": {"schema": {"type": "array"}}}}
    assert not faults(page, pets, array)


async def test_injection(page: Page) -> None:
    """The request comes by type or by the bare name; state by its type or one above it."""

    async def handler(request, state: State, limit: int | None) -> None: ...  # type: ignore[no-untyped-def]
    async def typed(whatever: FakeRequest) -> None: ...

    assert bound(page, handler, state=Narrower)[0].injected == {
        "request": "request",
        "state": State,
    }
    assert bound(page, typed)[0].injected == {"whatever": "request"}
    unknown = bound(page, handler, state=None, has_state=True)
    assert not unknown[1]
    assert unknown[0].injected["state"] is State


async def test_a_model_is_not_the_state(page: Page) -> None:
    """Where the type of the state is not known, what JSON can become is not taken for it."""

    async def handler(pet: Pet | None, petid: UUID, amount: Decimal) -> None: ...

    binding, found = bound(page, handler, BODY, has_state=True)
    assert binding.body is not None
    assert not binding.injected
    assert len(found) == 2


def test_handlers_of_other_kinds(page: Page) -> None:
    """Methods, partials, callable objects and decorated functions are coroutines too."""

    class Service:
        async def method(self, limit: int | None) -> None: ...

        async def __call__(self, limit: int | None) -> None: ...

    async def function(other: str, limit: int | None) -> None: ...

    @functools.wraps(function)
    async def decorated(*args: Any, **kwargs: Any) -> None: ...

    async def plain(limit: int | None) -> None: ...

    wrapped = functools.wraps(plain)(decorated)
    partial = functools.partial(function, "x")
    for handler in (Service().method, Service(), partial, wrapped):
        binding, found = bound(page, handler)
        assert not found, found
        assert names(binding) == {"limit": ("query", "limit")}


def of(source: str) -> Callable[..., Any]:
    """A handler with these parameters."""
    space: dict[str, Any] = {**globals(), "Literal": Literal}
    exec(f"async def handler({source}): ...", space)
    made: Callable[..., Any] = space["handler"]
    return made


FAULTS = [
    ("limt: int | None", "no parameter 'limt'", "did you mean 'limit'?"),
    ("zzzz: int", "no parameter 'zzzz'", "it has: pet_id, limit, first"),
    ("bdy: dict", "no parameter 'bdy'", "did you mean 'body'?"),
    ("petid: UUID", "no parameter 'petid'", "did you mean 'pet_id'?"),
    ("amount: list[int]", "no parameter 'amount'", ""),
    ("limit: int", "optional in the document, but its hint int", "limit: int | None = None"),
    ("limit: int = 5", None, ""),
    ("first: int", None, ""),
    ("limit", None, ""),
    ("limit: Any", None, ""),
    ("must: int", "hinted as int, but the document's schema allows string", "change the hint"),
    ("pet_id: str", "hinted as str, but the document's schema allows integer", "change the hint"),
    ("pet_id: bool", "schema allows integer", ""),
    ("pet_id: float", None, ""),
    ("price: int", "schema allows number", ""),
    ("price: Decimal", None, ""),
    ("must: Literal['a']", "schema allows any string", "list the values"),
    ("must: Literal[1]", "schema allows string", ""),
    ("flag: int | None", "schema allows string", ""),
    ("flag: int | str | None", None, ""),
    ("filter: Pet | None", None, ""),
    ("*args", "it has *args", "name each parameter"),
    ("**more: str", "it has **more: str", "take `request: Request`"),
    ("pet_id: int, /", "it has pet_id: int", "name each parameter"),
    ("same: str | None", "could be query 'same' and header 'same'", 'Query("same")]'),
    ("pet_id: int, petId: int", "pet_id and petId both mean path 'petId'", "keep one"),
    ("a: Annotated[str, Header('nope')]", "header parameter 'nope'", "X-Request-ID, same"),
    ("a: Annotated[str, Path('nope')]", "path parameter 'nope'", "it has petId"),
    ("must: complex", "complex cannot be made from JSON", "use a JSON type"),
    ("limit: list[complex] | None", "complex cannot be made from JSON", "use a JSON type"),
    ("must: 'Nowhere'", "its hints cannot be read", "import the names"),
    ("body: Pet", "optional in the document, but its hint Pet", "body: Pet | None = None"),
    ("body: list[Pet] | None", "schema allows object", "change the hint"),
    ("body: str | None", "schema allows object", "change the hint"),
    ("one: Pet | None, two: Pet | None", "no parameter 'two'", "it has:"),
]


@pytest.mark.parametrize(("source", "message", "cure"), FAULTS)
def test_faults(page: Page, source: str, message: str | None, cure: str) -> None:
    """Each way in which a handler cannot fit is told, with what to do about it."""
    found = bound(page, of(source), BODY)[1]
    if message is None:
        assert not found
        return
    (fault,) = (one for one in found if message in one.message)
    assert cure in fault.cure
    assert fault.message.startswith("handler handler of op: ")


def test_all_faults_come_at_once_with_file_and_line(page: Page) -> None:
    """One reading of a handler finds everything that is wrong with it."""

    async def handler(limt: int, must: int, *args: int, limit: int) -> None: ...

    found = bound(page, handler)[1]
    assert len(found) == 4
    line = inspect.getsourcelines(handler)[1]
    assert {(one.file, one.line) for one in found} == {(__file__, line)}


def test_a_function_that_blocks_is_refused(page: Page) -> None:
    """`def` is refused with the cure in the message."""

    def handler(limit: int | None) -> None: ...

    assert "not a coroutine function" in faults(page, handler)[0]
    assert "anyio.to_thread.run_sync" in faults(page, handler)[0]


def test_generators_that_are_not_async_are_refused(page: Page) -> None:
    """A handler that yields does so asynchronously."""

    async def handler(limit: int | None) -> AsyncIterator[int]:
        yield 1

    def lazy() -> Any:
        yield 1

    assert not faults(page, handler)
    assert "not a coroutine function" in faults(page, lazy)[0]


def test_nobody_takes_what_nobody_asks_for(page: Page) -> None:
    """A handler may leave parameters and body to themselves."""

    async def handler() -> None: ...

    binding, found = bound(page, handler, BODY)
    assert (found, binding.parameters, binding.body, binding.injected) == ([], {}, None, {})
