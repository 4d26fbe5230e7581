"""What every test is held to, and what many of them use.

No test may leave a task alive, and none may end with asyncio reporting an exception that
nobody retrieved or a task that was destroyed while pending.
"""

import asyncio
import compileall
import gc
import inspect
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvloop
from xdist.scheduler import LoadScopeScheduling

from brrt import App, Handlers, Statistics

# Turns of the event loop after which something that should have happened has not happened.
PATIENCE = 4_000
COMPLAINTS = (
    "was never retrieved",
    "was destroyed but it is pending",
    "was never awaited",
    "Exception in callback",
)
# The tests that say how things end run on both loops: their timers and handles differ.
ON_BOTH_LOOPS = (
    "runtime/",
    "rates/test_redis.py",
    "security/test_keys.py",
    "test_promises.py",
    "test_lifespan.py",
    "test_app.py",
)
# What looks at a clock, or starts servers and processes of its own: one after the other, beside
# whatever else is tested in the other processes.
ONE_BY_ONE = (
    "browser/",
    "lifecycle/",
    "rates/test_redis.py",
    "test_overload.py",
    "test_running.py",
    "test_soak.py",
    "test_stopping.py",
    "test_storms.py",
    "test_watching.py",
)
LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
ROOT = Path(__file__).parent.parent


def pytest_configure(config: pytest.Config) -> None:
    """Compile once what processes are made of that tests start by the dozen.

    Each would do it again, a quarter of a second, where Python is told to leave no bytecode.
    """
    if not hasattr(config, "workerinput"):
        for room in ("brrt", "benchmarks", "examples"):
            compileall.compile_dir(ROOT / room, quiet=2)


class InGroups(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Hands out tests one by one, and together what must not disturb each other.

    By their paths: xdist 3.8 tells groups by names that pytest 9.2 does not let it give any more.
    """

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.removeprefix("tests/")
        if path.startswith(ONE_BY_ONE):
            return "one by one"
        return "oracle" if path.startswith("oracle/") else nodeid  # counts what it has asked


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> InGroups | None:
    """Where tests are to be grouped, these are the groups."""
    return InGroups(config, log) if config.getvalue("dist") == "loadgroup" else None


def path_of(item: pytest.Item) -> str:
    """Where a test stands, such as `runtime/test_pool.py`."""
    return item.path.relative_to(Path(__file__).parent).as_posix()


def pytest_asyncio_loop_factories(item: pytest.Item) -> dict[str, Callable[[], Any]]:
    """The event loops that a test runs on."""
    both = path_of(item).startswith(ON_BOTH_LOOPS)
    return LOOPS if both else {"asyncio": asyncio.new_event_loop}


class Complaints(logging.Handler):
    """What asyncio complained about."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a complaint."""
        message = record.getMessage()
        if any(one in message for one in COMPLAINTS):
            self.messages.append(message)


@pytest.fixture(autouse=True, scope="module")
def quick_collections() -> None:
    """Keep what was imported, and is remembered of other files, out of the collections to come."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def nothing_is_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test that leaves a task alive or makes asyncio complain."""
    complaints = Complaints()
    logging.getLogger("asyncio").addHandler(complaints)
    is_async = inspect.iscoroutinefunction(getattr(request, "function", None))
    if is_async:
        request.getfixturevalue("no_task_is_left")
    yield
    if is_async:
        gc.collect()  # what was dropped complains when it is collected
    logging.getLogger("asyncio").removeHandler(complaints)
    assert not complaints.messages


@pytest.fixture
async def no_task_is_left() -> AsyncIterator[None]:
    """Set up before, and so torn down after, everything else that runs in the test's loop."""
    before = asyncio.all_tasks()
    yield
    mine = asyncio.current_task()
    for _ in range(10):  # a task that is about to end needs a turn or two
        await asyncio.sleep(0)
    left = [one for one in asyncio.all_tasks() - before if one is not mine]
    for task in left:
        task.cancel()
    assert not [task.get_name() for task in left]


LINES = pytest.StashKey[list[str]]()


@pytest.fixture(scope="session")
def say(pytestconfig: pytest.Config) -> Callable[[str], None]:
    """Say a line at the end of the run."""
    return pytestconfig.stash.setdefault(LINES, []).append


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Give what was said in another process to the one that has the terminal."""
    output: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["lines"] = session.config.stash.get(LINES, [])


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take what was said in another process."""
    said = getattr(node, "workeroutput", {}).get("lines", [])
    node.config.stash.setdefault(LINES, []).extend(said)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """What tests had to say: counts of agreements and of requests."""
    for line in config.stash.get(LINES, []):
        terminalreporter.write_line(line)


def plainly(value: Any) -> str:
    """What a case is called: the same in every process, whatever it holds."""
    if isinstance(value, (set, frozenset)):
        return str(sorted(value))
    return re.sub(r" at 0x[0-9a-f]+", "", repr(value))


Until = Callable[[Callable[[], object]], Awaitable[None]]


@pytest.fixture
def until() -> Until:
    """Let the event loop turn until a condition holds; fail if it never does."""

    async def wait(condition: Callable[[], object]) -> None:
        for turn in range(PATIENCE):
            if condition():
                return
            # Timers may be what is waited for: give them real time, but not much.
            await asyncio.sleep(0 if turn < PATIENCE // 2 else 0.002)
        raise AssertionError("it never happened")

    return wait


def spec(*paths: str, **operations: Any) -> dict[str, Any]:
    """A document. Each of `paths` is a GET named after itself; `operations` are whole items."""
    items = {f"/{name}": {"get": operation(name)} for name in paths}
    items |= {f"/{name}": item for name, item in operations.items()}
    return {"openapi": "3.1.0", "info": {"title": "Tests", "version": "1"}, "paths": items}


def operation(name: str, **members: Any) -> dict[str, Any]:
    """An operation that answers any JSON with 200."""
    content: dict[str, Any] = {"application/json": {}}
    responses = {"200": {"description": "ok", "content": content}}
    return {"operationId": name, "responses": responses} | members


def serve(**functions: Callable[..., Any]) -> Handlers:
    """Handlers by name."""
    handlers = Handlers()
    for name, function in functions.items():
        handlers(name)(function)
    return handlers


class Book:
    """The words of these tests: documents, handlers, and the sums that must be right."""

    spec = staticmethod(spec)
    operation = staticmethod(operation)
    serve = staticmethod(serve)

    @staticmethod
    def balance(now: Statistics) -> None:
        """The sums that hold at every moment, for each handler and for all."""
        for one in (*now.handlers.values(), now.total):
            assert one.spawned == one.terminated + one.active
            ended = one.served + one.failed + one.timed_out + one.cancelled
            running = one.accepted - ended - one.queued
            assert 0 <= running <= one.busy

    @staticmethod
    def rest(app: App, handlers: int) -> None:
        """The sums at rest: one task for each handler, and every job accounted for."""
        now = app.statistics()
        total = now.total
        assert total.spawned == total.terminated + total.active
        assert total.active == handlers
        assert (total.busy, total.queued, now.retiring) == (0, 0, 0)
        ended = total.served + total.failed + total.timed_out + total.cancelled
        assert total.accepted == ended + total.queued + total.busy


@pytest.fixture
def book() -> type[Book]:
    """Documents, handlers and sums in few words."""
    return Book


@pytest.fixture
def workers() -> Callable[[str], set[asyncio.Task[Any]]]:
    """All tasks that work for a handler, found by their names and not by the books."""

    def find(name: str) -> set[asyncio.Task[Any]]:
        prefix = f"brrt {name}/"
        return {task for task in asyncio.all_tasks() if task.get_name().startswith(prefix)}

    return find


Connect = Callable[..., Awaitable[httpx.AsyncClient]]


@pytest.fixture
async def client() -> AsyncIterator[Connect]:
    """Connect to an app, which then runs until the end of the test.

    With `lifespan=False` the app is left as it is.
    """
    async with AsyncExitStack() as stack:

        async def connect(app: Any, *, lifespan: bool = True) -> httpx.AsyncClient:
            if lifespan:
                await stack.enter_async_context(app)
            transport = httpx.ASGITransport(app=app, raise_app_exceptions=True)
            made = httpx.AsyncClient(transport=transport, base_url="http://test")
            return await stack.enter_async_context(made)

        yield connect


def http_scope(method: str, target: str, headers: Mapping[str, str]) -> dict[str, Any]:
    """The scope of a request, as a server writes it."""
    path, _, query = target.partition("?")
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.lower().encode(), text.encode()) for name, text in headers.items()],
    }


class Wire:
    """One ASGI exchange, driven by hand: what the server would send and receive."""

    def __init__(self, app: Any, method: str, target: str, headers: dict[str, str]) -> None:
        scope = http_scope(method, target, headers)
        self.sent: list[dict[str, Any]] = []
        self.inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.task = asyncio.create_task(app(scope, self.inbox.get, self._send), name="the server")

    async def _send(self, message: dict[str, Any]) -> None:
        self.sent.append(message)

    def body(self, data: bytes = b"", *, more: bool = False) -> None:
        """The client sends a piece of its body."""
        self.inbox.put_nowait({"type": "http.request", "body": data, "more_body": more})

    def hang_up(self) -> None:
        """The client goes away."""
        self.inbox.put_nowait({"type": "http.disconnect"})

    async def status(self) -> int:
        """The status of the answer, which must be complete and the only one."""
        await asyncio.wait_for(self.task, 10)
        kinds = [message["type"] for message in self.sent]
        assert kinds == ["http.response.start", "http.response.body"]
        assert not self.sent[1].get("more_body", False)
        status: int = self.sent[0]["status"]
        return status

    async def silence(self) -> None:
        """No answer, since nobody is there to hear it."""
        await asyncio.wait_for(self.task, 10)
        assert self.sent == []


Call = Callable[..., Wire]


@pytest.fixture
async def wire() -> AsyncIterator[Call]:
    """Call an app by hand: `wire(app, "GET", "/pets")`."""
    wires: list[Wire] = []

    def call(
        app: Any, method: str, target: str, headers: dict[str, str] | None = None, **first: Any
    ) -> Wire:
        made = Wire(app, method, target, headers or {})
        wires.append(made)
        if first.get("body") is not None:
            made.body(first["body"])
        return made

    yield call
    unfinished = [one.task for one in wires if not one.task.done()]
    for task in unfinished:
        task.cancel()
    await asyncio.gather(*unfinished, return_exceptions=True)


Step = Callable[[Callable[[], Any], int], Awaitable[bool]]


@pytest.fixture
def cut() -> Step:
    """Run a coroutine for some turns of the loop and then cancel it; tells whether it was cut.

    With 0, 1, 2, ... turns this reaches every await of a coroutine.
    """

    async def run(make: Callable[[], Any], turns: int) -> bool:
        task = asyncio.ensure_future(make())
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        if task.cancelled():
            return True
        task.result()
        return False

    return run


@contextmanager
def without_collector() -> Iterator[None]:
    """Nothing that leads back to itself is freed meanwhile."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
