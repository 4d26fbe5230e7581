"""`brrt run` for real: processes, signals, sockets and files.

A process tells what it does by its log and its answers only, so these are what is waited for,
each with a bound. Handlers that must be caught at work wait for a file.
"""

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
import uvicorn

from brrt import App, Handlers
from brrt.cli.connections import PatientProtocol
from brrt.cli.server import bind

ROOT = Path(__file__).parent.parent
# Seconds within which a process must have done something, on a machine that is busy as well.
PATIENCE = 40.0

pytestmark = [
    pytest.mark.timeout(180),
    pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals"),
]

DOCUMENT = """\
openapi: 3.1.0
info: {title: Things, version: "1"}
paths:
  /thing:
    get:
      operationId: getThing
      responses: {"200": {description: ok, content: {application/json: {}}}}
  /slow:
    get:
      operationId: waitForFile
      responses: {"200": {description: ok, content: {application/json: {}}}}
"""

CODE = """\
import asyncio, os
from pathlib import Path
from brrt import App, Handlers

handlers = Handlers()

@handlers
async def get_thing():
    return {"answer": 1, "process": os.getpid()}

@handlers
async def wait_for_file():
    Path("at-work").touch()
    while not Path("go").exists():
        await asyncio.sleep(0.01)
    return "done"

app = App("openapi.yaml", handlers)
"""


class Service:
    """A running process, its log and its address."""

    def __init__(self, arguments: list[str], folder: Path, stdin: int, **variables: str) -> None:
        self.folder = folder
        self._log = folder / "log"
        with self._log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *arguments],
                cwd=folder,
                env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200", **variables},
                stdin=stdin,
                stdout=log,
                stderr=log,
            )

    @property
    def log(self) -> str:
        """Everything that was printed so far."""
        return self._log.read_text()

    @property
    def url(self) -> str:
        """Where it is served."""
        found = re.search(r"(http://[\d.]+:\d+)", self.log)
        assert found, self.log
        return found[1]

    def until(self, condition: Callable[[], object], what: str) -> None:
        """Wait until a condition holds."""
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, f"waited in vain for {what}:\n{self.log}"
            time.sleep(0.02)

    def says(self, text: str, times: int = 1) -> None:
        """Wait until the log holds a text."""
        self.until(lambda: self.log.count(text) >= times, f"{times} x {text!r}")

    def status(self, path: str) -> int:
        """The status of one GET over a connection of its own."""
        return self.get(path).status_code

    def get(self, path: str) -> httpx.Response:
        """One GET over a connection of its own."""
        with httpx.Client(base_url=self.url, timeout=PATIENCE, verify=False) as client:
            return client.get(path, headers={"Connection": "close"})

    def process_of(self) -> int:
        """The process that answers this time."""
        process: int = self.get("/thing").json()["process"]
        return process

    def answers(self, path: str, status: int = 200) -> None:
        """Wait until a GET answers with a status."""
        self.until(lambda: self.status(path) == status, f"{status} from {path}")

    def send(self, number: int) -> None:
        """Send a signal to the process that was started."""
        self.process.send_signal(number)

    def end(self) -> int:
        """Wait for the end; the exit code."""
        return self.process.wait(PATIENCE)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a stop signal and wait; the exit code."""
        self.send(number)
        return self.end()

    def save(self, name: str, text: str) -> None:
        """Replace a file as careful editors do."""
        fresh = self.folder / f"{name}.new"
        fresh.write_text(text)
        fresh.replace(self.folder / name)


Run = Callable[..., Service]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Run]:
    """Start `python -m ...` in a folder with an app; it is gone after the test."""
    (tmp_path / "openapi.yaml").write_text(DOCUMENT)
    (tmp_path / "things.py").write_text(CODE)
    services: list[Service] = []

    def run(*arguments: str, stdin: int = subprocess.DEVNULL, **variables: str) -> Service:
        services.append(Service(list(arguments), tmp_path, stdin, **variables))
        return services[-1]

    yield run
    for service in services:
        if service.process.poll() is None:
            service.process.kill()
            service.process.wait()


@pytest.fixture
def serve(start: Run) -> Run:
    """`brrt run things:app` on a free port; returns when it answers."""

    def run(*options: str, processes: int = 1, **variables: str) -> Service:
        service = start("brrt", "run", "things:app", "--port", "0", *options, **variables)
        service.says("Application startup complete", processes)
        return service

    return run


@pytest.fixture
def in_flight() -> Iterator[Callable[[Service], Future[httpx.Response]]]:
    """Send a request and return when its handler is at work; the answer comes later."""
    with ThreadPoolExecutor() as threads:

        def send(service: Service) -> Future[httpx.Response]:
            future = threads.submit(service.get, "/slow")
            service.until((service.folder / "at-work").exists, "the handler")
            return future

        yield send


Send = Callable[[Service], "Future[httpx.Response]"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_drains(serve: Run, in_flight: Send, number: int) -> None:
    """A request in flight is finished after the stop signal, and the exit code is 0."""
    service = serve()
    answer = in_flight(service)
    service.send(number)
    service.says("Waiting for connections to close")
    (service.folder / "go").touch()
    assert answer.result(PATIENCE).status_code == 200
    assert service.end() == 0
    assert "Application shutdown complete" in service.log
    assert "Traceback" not in service.log


def test_a_stop_of_several_processes_drains(serve: Run, in_flight: Send) -> None:
    """The stop signal reaches the process that holds the request, and is as gentle there."""
    service = serve("--workers", "2", processes=2)
    answer = in_flight(service)
    service.send(signal.SIGTERM)
    service.says("Waiting for connections to close")
    (service.folder / "go").touch()
    assert answer.result(PATIENCE).status_code == 200
    assert service.end() == 0


REQUEST = b"GET /thing HTTP/1.1\r\nHost: test\r\n\r\n"


@pytest.mark.parametrize("requests_before", [0, 1])
async def test_a_stop_answers_the_request_that_is_on_its_way(
    monkeypatch: pytest.MonkeyPatch, requests_before: int
) -> None:
    """A connection that is silent at the stop, fresh or kept alive, may send one more request."""
    monkeypatch.setattr("brrt.cli.connections.LAST_CALL", PATIENCE)
    handlers = Handlers()

    @handlers
    async def get_thing() -> str:
        return "here"

    app = App(DOCUMENT, handlers, missing="501")
    config = uvicorn.Config(app, port=0, http=PatientProtocol, log_config=None, lifespan="on")
    server = uvicorn.Server(config)
    listener = bind("127.0.0.1", 0)
    async with asyncio.TaskGroup() as group, asyncio.timeout(PATIENCE):
        group.create_task(server.serve([listener]))
        await until(lambda: server.started)
        reader, writer = await asyncio.open_connection(*listener.getsockname())
        for _ in range(requests_before):
            writer.write(REQUEST)
            await reader.readuntil(b'"here"')
        await until(lambda: server.server_state.connections)
        server.should_exit = True
        await until(lambda: not server.servers[0].is_serving())
        writer.write(REQUEST)
        answer = await reader.read()
        writer.close()
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert b"connection: close" in answer
    assert answer.endswith(b'"here"')


async def until(condition: Callable[[], object]) -> None:
    """Wait until a server in this process is so far; it has no event for that."""
    while not condition():  # noqa: ASYNC110
        await asyncio.sleep(0.005)


def test_a_server_says_little_and_believes_nobody(serve: Run) -> None:
    """No answer names the server, and no stranger is taken for whom he says to be."""
    service = serve()
    forged = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https"}
    with httpx.Client(base_url=service.url, timeout=PATIENCE, headers=forged) as client:
        for path in ("/thing", "/nowhere", "/health"):
            assert "server" not in client.get(path).headers
    service.says('"GET /health')
    assert "203.0.113.9" not in service.log
    assert service.stop() == 0


def test_a_stop_has_an_end(serve: Run, in_flight: Send) -> None:
    """What is still running after `--grace` is answered 503, not dropped; the exit code is 0."""
    service = serve("--grace", "0.2")
    answer = in_flight(service)
    service.send(signal.SIGTERM)
    assert answer.result(PATIENCE).status_code == 503
    assert service.end() == 0
    assert "Traceback" not in service.log
    assert "timeout graceful shutdown exceeded" not in service.log


def test_a_hang_up_reloads_the_document(serve: Run) -> None:
    """SIGHUP reads the document again, in the process that serves."""
    service = serve()
    assert [service.status(path) for path in ("/thing", "/item")] == [200, 404]
    service.save("openapi.yaml", DOCUMENT.replace("/thing", "/item"))
    service.send(signal.SIGHUP)
    service.answers("/item")
    assert service.status("/thing") == 404
    assert service.stop() == 0


def test_a_broken_document_changes_nothing(serve: Run) -> None:
    """SIGHUP with a broken document logs file and line; the old one goes on until the next."""
    service = serve()
    service.save("openapi.yaml", DOCUMENT.replace("operationId: getThing", "operationId: [x]"))
    service.send(signal.SIGHUP)
    service.says("Not reloaded")
    service.says("openapi.yaml:6:")
    assert "Traceback" not in service.log
    assert service.status("/thing") == 200
    service.save("openapi.yaml", DOCUMENT.replace("/thing", "/mended"))
    service.send(signal.SIGHUP)
    service.answers("/mended")


def test_a_watched_document_is_reloaded(serve: Run) -> None:
    """With --watch, saving is enough; a broken save is reported and survived."""
    service = serve("--watch")
    service.save("openapi.yaml", DOCUMENT.replace("/thing", "/item"))
    service.answers("/item")
    service.save("openapi.yaml", "openapi: 3.1.0\npaths: [\n")
    service.says("openapi.yaml:3")
    assert service.status("/item") == 200
    service.save("openapi.yaml", DOCUMENT)
    service.answers("/thing")
    assert service.stop() == 0


def test_a_closed_terminal_is_a_stop(serve: Run) -> None:
    """SIGHUP means "reload" to a service, and "stop" where the terminal has gone."""
    master, slave = os.openpty()
    service = serve(stdin=slave)
    os.close(slave)
    service.send(signal.SIGHUP)
    service.says("Reloaded")
    os.close(master)
    assert service.stop(signal.SIGHUP) == 0


def children(process: int) -> set[int]:
    """The processes that a process has started, and theirs."""
    found: set[int] = set()
    for tasks in Path(f"/proc/{process}/task").glob("*/children"):
        for child in map(int, tasks.read_text().split()):
            found |= {child} | children(child)
    return found


def test_processes_serve_and_go_together(serve: Run) -> None:
    """Several processes answer, and none of them outlives the one that was stopped."""
    service = serve("--workers", "2", processes=2)
    family = children(service.process.pid)
    assert len(family) >= 2
    assert {service.process_of() for _ in range(50)} <= family
    assert service.stop() == 0
    service.until(lambda: not [pid for pid in family if Path(f"/proc/{pid}").exists()], "their end")
    assert "Traceback" not in service.log


def test_processes_are_replaced_without_loss(serve: Run) -> None:
    """SIGHUP brings every process to the new document, one by one, and no request is lost."""
    service = serve("--workers", "2", processes=2)
    old = {service.process_of() for _ in range(50)}
    service.save("openapi.yaml", DOCUMENT.replace("/slow", "/quick"))
    statuses: list[int] = []
    done = threading.Event()

    def load() -> None:
        while not done.is_set():
            statuses.append(service.status("/thing"))

    with ThreadPoolExecutor() as threads:
        loaded = threads.submit(load)
        try:
            service.send(signal.SIGHUP)
            service.says("Finished server process", 2)
        finally:
            done.set()
        loaded.result(PATIENCE)
    assert set(statuses) == {200}
    assert not {service.process_of() for _ in range(50)} & old
    assert {service.status("/slow") for _ in range(50)} == {404}
    assert service.stop() == 0


def test_processes_keep_the_old_document_when_the_new_one_is_broken(serve: Run) -> None:
    """SIGHUP with a broken document starts nothing; all processes go on and say why."""
    service = serve("--workers", "2", processes=2)
    service.save("openapi.yaml", DOCUMENT.replace("operationId: getThing", "operationId: [x]"))
    service.send(signal.SIGHUP)
    service.says("openapi.yaml:6:")
    service.says("aborting the restart")
    assert {service.status("/thing") for _ in range(20)} == {200}
    assert service.stop() == 0


def test_processes_watch_each_for_itself(serve: Run) -> None:
    """With --watch and several processes, each of them takes the new document."""
    service = serve("--workers", "2", "--watch", processes=2)
    service.save("openapi.yaml", DOCUMENT.replace("/thing", "/item"))
    service.says("Reloaded", 2)
    assert {service.status("/item") for _ in range(50)} == {200}
    assert service.stop() == 0


def test_code_and_document_are_reloaded_in_development(serve: Run) -> None:
    """--reload restarts for code, reloads for the document, and recovers from broken ones."""
    service = serve("--reload")
    service.save("openapi.yaml", DOCUMENT.replace("/thing", "/item"))
    service.answers("/item")
    assert service.log.count("Started server process") == 1
    service.save("things.py", CODE.replace('"answer": 1', '"answer": 2'))
    service.says("Application startup complete", 2)
    assert service.get("/item").json()["answer"] == 2
    service.save("things.py", CODE.replace("wait_for_file", "wait_for_files"))
    service.says("the document has no operation 'wait_for_files'")
    service.save("openapi.yaml", DOCUMENT.replace("waitForFile", "waitForFiles"))
    service.says("Application startup complete", 3)
    service.send(signal.SIGHUP)
    service.says("Reloaded", 2)
    assert service.stop() == 0


@pytest.mark.parametrize("workers", ["1", "2"])
def test_an_app_that_cannot_start_ends_the_command(
    start: Run, tmp_path: Path, workers: str
) -> None:
    """Where the app's own start fails, the exit code says so, with one process and with more."""
    (tmp_path / "failing.py").write_text(FAILING)
    service = start("brrt", "run", "failing:app", "--port", "0", "--workers", workers)
    assert service.end() == 3
    assert "no database today" in service.log


FAILING = """\
from contextlib import asynccontextmanager
from brrt import App
from things import handlers

@asynccontextmanager
async def lifespan(app):
    raise RuntimeError("no database today")
    yield

app = App("openapi.yaml", handlers, lifespan=lifespan)
"""


@pytest.mark.parametrize("options", [(), ("--workers", "2")], ids=["one", "two"])
def test_an_app_in_a_host_that_knows_nothing_of_it_is_stopped(
    start: Run, tmp_path: Path, options: tuple[str, ...]
) -> None:
    """Its first request started it, so the host does not stop it: its lifespan is left even so."""
    (tmp_path / "hosted.py").write_text(HOSTED)
    service = start("brrt", "run", "hosted:host", "--port", "0", *options)
    service.says("Application startup complete", len(options) or 1)
    assert service.status("/api/thing") == 200
    assert service.stop() == 0
    assert "the database is closed" in service.log


HOSTED = """\
from contextlib import asynccontextmanager
from brrt import App
from starlette.applications import Starlette
from starlette.routing import Mount
from things import handlers

@asynccontextmanager
async def lifespan(app):
    yield
    print("the database is closed", flush=True)

class Host:
    app = App("openapi.yaml", handlers, lifespan=lifespan)
    starlette = Starlette(routes=[Mount("/api", app)])

    async def __call__(self, scope, receive, send):
        await self.starlette(scope, receive, send)

host = Host()
"""


def test_a_taken_port_is_a_plain_message(start: Run) -> None:
    """A port that is in use costs one line and exit code 1."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        service = start("brrt", "run", "things:app", "--port", str(port))
        assert service.end() == 1
    assert f"cannot listen on 127.0.0.1:{port}: Address already in use" in service.log
    assert "Traceback" not in service.log


def test_plain_uvicorn_serves_the_pet_store(start: Run) -> None:
    """`uvicorn examples.pet_store:app` needs nothing of ours on the command line."""
    service = start("uvicorn", "examples.pet_store:app", "--port", "0")
    service.says("Uvicorn running on")
    health = service.get("/health").json()
    assert (health["status"], health["active"]) == ("ok", health["handlers"])
    assert service.status("/pets") == 200
    service.stop()
    assert "Application shutdown complete" in service.log
