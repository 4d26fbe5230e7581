"""Document, handlers and limits become one snapshot, or one list of everything that is wrong."""

import logging
from collections.abc import Callable
from typing import Any

import pytest

from brrt import App, Handlers, Limits, SettingError, SpecError, config
from brrt.config import PER_HANDLER
from brrt.endpoints import Endpoint

Book = Any


async def ok() -> None: ...


async def ok_too() -> None: ...


def only(app: App) -> Endpoint:
    (endpoint,) = app.endpoints
    return endpoint


def limits(endpoint: Endpoint) -> Limits:
    assert endpoint.served is not None
    return endpoint.served.limits


def faults(build: Callable[[], Any]) -> list[str]:
    """All that is wrong, one text for each fault."""
    with pytest.raises(SpecError) as caught:
        build()
    return [str(one) for one in caught.value.faults]


# Limits

DEFAULTS = {
    "workers": config.WORKERS,
    "queue_size": config.QUEUE_SIZE,
    "timeout": config.TIMEOUT,
    "max_body": config.MAX_BODY,
    "max_upload": config.MAX_UPLOAD,
    "streams": config.STREAMS,
}
NUMBERS = [name for name in PER_HANDLER if name != "queue_policy"]


@pytest.mark.parametrize("name", NUMBERS)
def test_the_nearest_limit_wins(book: Book, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Default < environment < Limits < document < decorator, for each limit of a handler."""
    key = "x-brrt-" + name.replace("_", "-")

    def build(own: Any = None, given: Limits | None = None, document: Any = None) -> Any:
        handlers = Handlers()
        handlers("op", **({name: own} if own else {}))(ok)
        extra = {key: document} if document else {}
        app = App(book.spec(op={"get": book.operation("op", **extra)}), handlers, limits=given)
        return getattr(limits(only(app)), name)

    assert build() == DEFAULTS[name]
    monkeypatch.setenv(f"BRRT_{name.upper()}", "11")
    assert build() == 11
    given: dict[str, Any] = {name: 12}
    mine = Limits(**given)
    assert build(given=mine) == 12
    assert build(given=mine, document=13) == 13
    assert build(14, mine, 13) == 14
    assert build(14) == 14


def test_the_nearest_queue_policy_wins(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a word and no number, and wins in the same order."""

    def build(own: Any = None, given: Limits | None = None, **members: Any) -> Any:
        handlers = Handlers()
        handlers("op", queue_policy=own)(ok)
        app = App(book.spec(op={"get": book.operation("op", **members)}), handlers, limits=given)
        return limits(only(app)).queue_policy

    document = {"x-brrt-queue-policy": "lifo"}
    assert build() == "adaptive"
    monkeypatch.setenv("BRRT_QUEUE_POLICY", "lifo")
    assert build() == "lifo"
    assert build(given=Limits(queue_policy="fifo")) == "fifo"
    assert build(given=Limits(queue_policy="fifo"), **document) == "lifo"
    assert build("adaptive", Limits(queue_policy="fifo"), **document) == "adaptive"


def test_a_queue_policy_that_nobody_knows(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever it stands it is refused, with the word that was meant."""
    spec = book.spec(op={"get": book.operation("op", **{"x-brrt-queue-policy": "newest"})})
    with pytest.raises(SpecError, match="'newest'; it is one of adaptive, fifo, lifo"):
        App(spec, book.serve(op=ok))
    monkeypatch.setenv("BRRT_QUEUE_POLICY", "FIFO")
    with pytest.raises(SettingError, match="cannot be 'FIFO'; did you mean 'fifo'"):
        Limits()


def test_limits_of_one_handler_are_its_own(book: Book) -> None:
    """What one operation says changes nothing for another."""
    spec = book.spec("a", b={"get": book.operation("b", **{"x-brrt-workers": 3})})
    app = App(spec, book.serve(a=ok, b=ok_too))
    assert [limits(one).workers for one in app.endpoints] == [config.WORKERS, 3]


@pytest.mark.parametrize(
    ("variable", "text"),
    [("BRRT_WORKERS", "many"), ("BRRT_WORKERS", "1.5"), ("BRRT_TIMEOUT", ""), ("BRRT_GRACE", "1s")],
)
def test_an_environment_that_is_no_number(
    monkeypatch: pytest.MonkeyPatch, variable: str, text: str
) -> None:
    """A bad variable is named, with what it holds."""
    monkeypatch.setenv(variable, text)
    with pytest.raises(SettingError, match=f"{variable}='{text}' is not a valid"):
        Limits()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"workers": 0}, "workers must be more than 0 and at most 10,000,000,000, got 0"),
        ({"workers": 1.5}, "workers must be a whole number, got 1.5"),
        ({"workers": True}, "workers must be a number, got True"),
        ({"queue_size": "9"}, "queue_size must be a number, got '9'"),
        ({"timeout": float("inf")}, "timeout must be more than 0"),
        ({"timeout": float("nan")}, "timeout must be more than 0"),
        ({"grace": -1}, "grace must be 0 or more"),
        ({"max_body": None}, "max_body must be a number, got None"),
    ],
)
def test_limits_out_of_range(given: dict[str, Any], message: str) -> None:
    """Each limit is a number that makes sense."""
    with pytest.raises(SettingError, match=message):
        Limits(**given)


def test_limits_may_be_nothing_where_that_means_something() -> None:
    """No grace, no body; and times may be whole numbers."""
    assert Limits(grace=0, max_body=0, cancel_wait=0, disconnect_after=0, timeout=5).timeout == 5


def test_bad_limits_of_document_and_decorator_are_faults(book: Book) -> None:
    """Each bad value is a fault of its own, where it stands."""
    handlers = Handlers()
    handlers("op", workers=0, timeout=-1.0)(ok)
    extra: dict[str, Any] = {
        "x-brrt-workers": "a",
        "x-brrt-queue-size": 1.5,
        "x-brrt-timeout": None,
        "x-brrt-on-disconnect": "explode",
    }
    spec = book.spec(op={"get": book.operation("op", **extra)})
    found = faults(lambda: App(spec, handlers))
    assert len(found) == 6
    assert sum("#/paths/~1op/get: limit of op: " in one for one in found) == 3
    assert sum(f"{__file__}:" in one and "limit of op: " in one for one in found) == 2
    assert sum("x-brrt-on-disconnect of op is 'explode'" in one for one in found) == 1


def test_unknown_limits_of_the_decorator() -> None:
    """A limit that no handler has is refused where it is written."""
    with pytest.raises(TypeError, match="unknown limits grace, wrokers; known: workers"):
        Handlers()("op", wrokers=1, grace=2)  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("method", "policy", "cancels"),
    [
        ("get", None, True),
        ("post", None, False),
        ("get", "finish", False),
        ("delete", "cancel", True),
    ],
)
def test_what_a_disconnect_does(book: Book, method: str, policy: str | None, cancels: bool) -> None:
    """Safe methods are cancelled and others finished, unless the document says otherwise."""
    extra = {"x-brrt-on-disconnect": policy} if policy else {}
    spec = book.spec(op={method: book.operation("op", **extra)})
    assert only(App(spec, book.serve(op=ok))).cancels is cancels


# Handlers and operations


def test_handlers_and_operations_must_meet(book: Book) -> None:
    """What the document lacks and what the handlers lack is told together, with the nearest."""
    spec = book.spec("listPets", "get_pet", "other")
    found = faults(lambda: App(spec, book.serve(listPet=ok, getPet=ok_too)))
    assert len(found) == 3
    assert f"{__file__}:" in found[0]
    assert "no operation 'listPet'" in found[0]
    assert "did you mean listPets?" in found[0]
    assert "operation listPets has no handler" in found[1]
    assert "async def list_pets(...)" in found[1]
    assert "#/paths/~1other/get: operation other has no handler" in found[2]


def test_faults_of_handlers_and_limits_come_together(book: Book) -> None:
    """One build, one list: names, signatures, limits and operations."""

    async def wrong(nothing: int, *more: int) -> None: ...

    def blocking() -> None: ...

    spec = book.spec("a", "b", c={"get": book.operation("c", **{"x-brrt-workers": 0})})
    found = faults(lambda: App(spec, book.serve(a=wrong, b=blocking, c=ok, d=ok_too)))
    assert len(found) == 5
    for message in ("'nothing'", "*more", "not a coroutine", "workers must be", "operation 'd'"):
        assert sum(message in one for one in found) == 1


def test_a_handler_in_two_collections(book: Book) -> None:
    """Two collections that both have a handler for an operation are not merged by chance."""
    (fault,) = faults(lambda: App(book.spec("op"), [book.serve(op=ok), book.serve(op=ok_too)]))
    assert "has another handler at" in fault
    assert fault.count(__file__) == 2


def test_a_handler_registered_again(book: Book, caplog: pytest.LogCaptureFixture) -> None:
    """Within one collection the later one counts, and the log says so."""
    handlers = book.serve(op=ok)
    with caplog.at_level(logging.WARNING, "brrt"):
        handlers("op")(ok_too)
    assert "Handler op was registered again" in caplog.text
    served = only(App(book.spec("op"), handlers)).served
    assert served is not None
    assert served.registration.function is ok_too


def test_a_decorator_returns_the_function() -> None:
    """A handler stays a function to be called and tested."""
    handlers = Handlers()
    assert handlers(ok) is ok
    assert handlers("other", workers=2)(ok_too) is ok_too
    assert handlers()(ok) is ok
    assert [one.name for one in handlers] == ["ok", "other"]
    assert repr(handlers) == "<Handlers ok, other>"
    assert len(handlers) == 2


def test_a_handler_needs_a_name() -> None:
    """What has no name of its own is told to take the operation's."""

    class Nameless:
        async def __call__(self) -> None: ...

    with pytest.raises(TypeError, match="needs its operationId"):
        Handlers()(Nameless())


@pytest.mark.parametrize("missing", ["501", "getPet", "get_pet", ["getPet"], {"get_pet", "501"}])
def test_missing_handlers_by_declaration(book: Book, missing: Any) -> None:
    """One name, several, or all of them may be without a handler."""
    assert only(App(book.spec("getPet"), missing=missing)).served is None


def test_a_declaration_must_mean_something(book: Book) -> None:
    """A name that no operation has is a fault, and a part of a name is no name."""
    found = faults(lambda: App(book.spec("getPet"), missing="Pet"))
    assert len(found) == 2
    assert "missing='Pet': the document has no operation 'Pet'" in found[0]
    assert "operation getPet has no handler" in found[1]


def test_two_operations_of_one_name(book: Book) -> None:
    """Ids that read the same in snake_case cannot have a handler each."""
    spec = book.spec("getPet", "get_pet")
    (fault,) = faults(lambda: App(spec, book.serve(getPet=ok)))
    assert "getPet and get_pet both read get_pet" in fault


def test_protected_operations_are_closed(book: Book) -> None:
    """What the document protects is not served without protection; what it opens is."""
    components = {"securitySchemes": {"key": {"type": "http", "scheme": "bearer"}}}

    def build(security: Any) -> App:
        spec = book.spec(op={"get": book.operation("op", security=security)})
        return App({**spec, "components": components}, book.serve(op=ok))

    (fault,) = faults(lambda: build([{"key": []}]))
    assert "is behind key, which has no provider" in fault
    assert only(build([])).served is not None
    assert only(build([{"key": []}, {}])).served is not None


def test_operations_that_cannot_be_told_apart(book: Book) -> None:
    """Paths that meet under different servers are a fault with its place."""
    spec = book.spec(
        **{
            "a/b": {"get": book.operation("one"), "servers": [{"url": "/"}]},
            "b": {"get": book.operation("two"), "servers": [{"url": "/a"}]},
        }
    )
    (fault,) = faults(lambda: App(spec, book.serve(one=ok, two=ok_too)))
    assert "#/paths/~1b/get" in fault
