"""uvicorn, used as a library: one process, several, or one that is restarted when code changes.

Everything that knows uvicorn's insides is in this file and in `connections`. A configuration is
sent to processes that are started afresh, so it names the app instead of holding it.
"""

import copy
import logging
import math
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Final

import uvicorn
from uvicorn.config import LOGGING_CONFIG, STARTUP_FAILURE
from uvicorn.server import HANDLED_SIGNALS
from uvicorn.supervisors.multiprocess import Multiprocess, Process
from uvicorn.supervisors.watchfilesreload import WatchFilesReload

from brrt.cli.attendance import STOP_SIGNALS, Attended, Terminal
from brrt.cli.connections import PatientProtocol
from brrt.cli.reports import report
from brrt.cli.targets import DOCUMENT_SUFFIXES, Loaded, Mistake, Target, load_target

logger = logging.getLogger("brrt")

# Seconds beyond `grace` and `cancel_wait` in which the last answers are sent.
LAST_WORDS: Final = 1.0
# Seconds that tasks and threads may take to end when the app has stopped, and told those that are
# left to end. With all other waits this is less than the 30 s after which Kubernetes kills.
LAST_WAIT: Final = 2.0
# Seconds that a new process may take until it serves. A document of 1,200 operations takes
# three on a core of its own; several processes that start on a busy machine share one.
START_WAIT: Final = 30
# Connections that may wait to be accepted: uvicorn's own default.
BACKLOG: Final = 2048
# Seconds between two looks at processes that start or end: uvicorn's own.
LOOK: Final = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How to serve. `reload` restarts the process when code changes; `watch` is of the document."""

    host: str
    port: int
    workers: int
    watch: bool
    reload: bool
    log_level: str


class Configuration(uvicorn.Config):
    """uvicorn's configuration for a target, which is loaded in our way.

    `loaded` is given where this very process serves; others load the target themselves.
    """

    def __init__(self, target: Target, settings: Settings, loaded: Loaded, *, here: bool) -> None:
        limits = loaded.app.limits
        self.target = target
        self.watching = settings.watch or settings.reload
        self.loaded_target = loaded if here else None
        super().__init__(
            target.text,
            host=settings.host,
            port=settings.port,
            workers=settings.workers,
            interface="asgi3",
            lifespan="on",
            proxy_headers=False,  # whom to believe the app says: `App(proxies=...)`
            server_header=False,
            http=PatientProtocol,
            log_config=_log_config(settings.log_level),
            log_level=settings.log_level,
            timeout_graceful_shutdown=math.ceil(limits.grace + limits.cancel_wait + LAST_WORDS),
            reload=settings.reload,
            reload_dirs=_folders(loaded) if settings.reload else None,
            reload_includes=_patterns() if settings.reload else None,
        )

    def load_app(self) -> Any:
        """The app with its attendant. Exits where there is none, and says why."""
        try:
            loaded = self.loaded_target or load_target(self.target)
        except Exception as error:
            report(error)
            sys.exit(STARTUP_FAILURE)
        return Attended(loaded, watching=self.watching)


class Server(uvicorn.Server):
    """A server that ends when it has stopped, whatever does not.

    asyncio waits for every task and every thread when its loop is closed: for a handler that
    ignores its cancellation, or waits for a thread that hangs, it would wait for ever.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._deadline = threading.Timer(LAST_WAIT, self._abandon)
        self._deadline.daemon = True

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve until a signal ends it."""
        try:
            super().run(sockets)
        finally:
            self._deadline.cancel()

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve; from the end of that on there is a deadline."""
        try:
            await super().serve(sockets)
        finally:
            self._deadline.start()

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Hear the signals that stop. Where all is done none of them is deadly any more."""
        for number in HANDLED_SIGNALS:
            signal.signal(number, self.handle_exit)
        try:
            yield
        finally:
            turn_deaf()

    def _abandon(self) -> None:
        logger.error("Some tasks or threads would not end; the process ends without them")
        logging.shutdown()
        os._exit(0 if self.started else STARTUP_FAILURE)


def turn_deaf() -> None:
    """Heed no signal any more: what they ask for is done."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)


def serve(config: Configuration, listener: socket.socket) -> int:
    """Serve until a signal ends it, and return the exit code: 0 unless the start failed."""
    # uvicorn repeats the signal that stopped it when all is done; that is no death by signal.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with suppress(KeyboardInterrupt):
        if config.reload:
            Reloader(config, listener).run()
        elif config.workers > 1:
            return _serve_with_workers(config, listener)
        else:
            Server(config).run([listener])
    turn_deaf()
    return 0


def _serve_with_workers(config: Configuration, listener: socket.socket) -> int:
    supervisor = Supervisor(config, [listener])
    supervisor.run()
    turn_deaf()
    failed = any(process.exitcode == STARTUP_FAILURE for process in supervisor.processes)
    return STARTUP_FAILURE if failed else 0


class Supervisor(Multiprocess):
    """Several processes. SIGHUP replaces them one after the other: each starts before one ends.

    A new process that does not start, because the document is broken, leaves the old ones be.
    """

    def __init__(self, config: Configuration, sockets: list[socket.socket]) -> None:
        self._terminal = Terminal()
        self._leaving: list[Process] = []
        super().__init__(config, sockets)

    def restart_all(self) -> None:
        """Replace the processes, unless a stop is asked for meanwhile."""
        for index, old in enumerate(self.processes):
            if self._is_to_stop():
                return
            new = Process(self.config, self.sockets)
            new.start()
            if not self._has_started(new):
                new.terminate()
                new.join()
                logger.error("Process %s did not start: aborting the restart", new.pid)
                return
            self.processes[index] = new
            old.terminate()
            while old.process.is_alive():
                if self._is_to_stop():
                    self._leaving.append(old)
                    return
                old.process.join(LOOK)

    def _has_started(self, process: Process) -> bool:
        """Wait until a process serves. Not for one that ends, or when all are to end."""
        deadline = time.monotonic() + START_WAIT
        while time.monotonic() < deadline and process.process.is_alive():
            if process.is_ready(timeout=1):
                return True
            if self._is_to_stop():
                return False
            time.sleep(LOOK)
        return False

    def _is_to_stop(self) -> bool:
        """Whether a signal that stops has come and is not heeded yet."""
        return self.should_exit.is_set() or any(one in STOP_SIGNALS for one in self.signal_queue)

    def terminate_all(self) -> None:
        """Stop the processes, and take no more connections: nobody would accept them."""
        super().terminate_all()
        for listener in self.sockets:
            listener.close()

    def join_all(self) -> None:
        """Wait for the processes, those that were being replaced included."""
        super().join_all()
        for process in self._leaving:
            process.join()

    def handle_hup(self) -> None:
        """Replace the processes; or stop, if it was the terminal that hung up."""
        if self._terminal.gone:
            self.handle_term()
        elif signal.SIGHUP not in self.signal_queue:  # of several the last one counts
            super().handle_hup()


class Reloader(WatchFilesReload):
    """One process, started again when code changes.

    A change of the document is its own business while it lives; a process that could not
    start with the old document is started again with the new one.
    """

    def __init__(self, config: Configuration, listener: socket.socket) -> None:
        super().__init__(config, uvicorn.Server(config).run, [listener])
        self._terminal = Terminal()
        self._unheeded: list[Path] = []

    def startup(self) -> None:
        """Start the process, which SIGHUP is passed on to."""
        super().startup()
        if hasattr(signal, "SIGHUP"):
            signal.signal(signal.SIGHUP, self._hang_up)

    def should_restart(self) -> list[Path] | None:
        """The changed files, if they are a reason to start again."""
        changes = super().should_restart() or []
        code = [path for path in changes if path.suffix not in DOCUMENT_SUFFIXES]
        self._unheeded += [path for path in changes if path.suffix in DOCUMENT_SUFFIXES]
        if self.process.is_alive() and not code:
            return None  # if it is about to die for the old document, the next look sees that
        reasons, self._unheeded = [*code, *self._unheeded], []
        return reasons or None

    def _hang_up(self, _number: int, _frame: FrameType | None) -> None:
        if self._terminal.gone:
            self.should_exit.set()
        elif self.process.is_alive() and self.process.pid is not None:
            os.kill(self.process.pid, signal.SIGHUP)


def bind(host: str, port: int) -> socket.socket:
    """A socket that listens: who comes before the app has started waits. Raises `Mistake`."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except (OSError, OverflowError) as error:
        listener.close()
        reason = getattr(error, "strerror", None) or str(error)
        message = f"cannot listen on {host}:{port}: {reason}"
        raise Mistake(
            message, "choose another with --host and --port; 0 takes a free port"
        ) from None
    listener.set_inheritable(True)
    return listener


def url(listener: socket.socket) -> str:
    """Where a socket is reached, the wildcard addresses by the name of this machine itself."""
    host, port = str(listener.getsockname()[0]), listener.getsockname()[1]
    shown = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - to show, not bind
    return f"http://[{shown}]:{port}" if ":" in shown else f"http://{shown}:{port}"


def _log_config(level: str) -> dict[str, Any]:
    """uvicorn's, and our own log in the same manner."""
    config = copy.deepcopy(LOGGING_CONFIG)
    ours = {"handlers": ["default"], "level": level.upper(), "propagate": False}
    config["loggers"]["brrt"] = ours
    return config


def _folders(loaded: Loaded) -> list[str]:
    """What a restart depends on: the code below the current folder, and the document."""
    return [str(Path.cwd()), *{str(file.parent) for file in loaded.app.document.files}]


def _patterns() -> list[str]:
    return [f"*{suffix}" for suffix in DOCUMENT_SUFFIXES]
