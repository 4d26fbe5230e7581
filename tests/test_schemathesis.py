"""Schemathesis, a client that knows only the document, finds nothing that breaks it.

All its phases and checks run against the pet store, and against four documents of our own with
generic handlers. `tests/specs/schemathesis.toml` says what it must not ask, and why.
"""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SPECS = Path(__file__).parent / "specs"
PATIENCE = 30.0  # seconds for a server to start or to stop
PET_STORE = ROOT / "examples/pet_store/openapi.yaml"
# Each with what it runs on, and the fewest cases that make a run worth its name.
RUNS = {
    PET_STORE: (["examples.pet_store:app"], 1_000),
    SPECS / "library.yaml": (["--factory", "tests.generic:build"], 700),
    SPECS / "workshop.yaml": (["--factory", "tests.generic:build"], 700),
    SPECS / "observatory.yaml": (["--factory", "tests.generic:build"], 500),
    SPECS / "vault.yaml": (["--factory", "tests.generic:build"], 300),
}


@contextmanager
def serve(app: list[str], document: Path) -> Iterator[str]:
    """Run an app on uvicorn, in a process of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "uvicorn", *app, f"--port={port}", "--log-level=critical"]
    # What is registered as a webhook is made up, and must not be called.
    environment = os.environ | {"DOCUMENT": str(document), "PET_STORE_WEBHOOKS": "127.0.0.1"}
    process = subprocess.Popen(command, cwd=ROOT, env=environment)
    try:
        wait_until_open(port, process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE)


def wait_until_open(port: int, process: "subprocess.Popen[bytes]") -> None:
    """Try to connect until somebody listens."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        assert process.poll() is None, "the server did not start"
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.02)
    pytest.fail("the server does not listen")


@pytest.mark.timeout(300)
@pytest.mark.parametrize("document", RUNS, ids=lambda path: path.parent.name + "/" + path.stem)
def test_schemathesis_finds_nothing(
    document: Path, tmp_path: Path, say: Callable[[str], None]
) -> None:
    """Examples, coverage, fuzzing and stateful phases, each with all checks: no failure."""
    app, least = RUNS[document]
    with serve(app, document) as url:
        config = SPECS / "schemathesis.toml"
        command = ["schemathesis.cli", f"--config-file={config}", "run", str(document)]
        done = subprocess.run(
            [sys.executable, "-m", *command, f"--url={url}", "--no-color", "--report=junit"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=250,
            check=False,
        )
    name = "the pet store" if document == PET_STORE else document.stem
    assert done.returncode == 0, done.stdout + done.stderr
    counted = re.search(r"([\d,]+) generated", done.stdout)
    assert counted, done.stdout
    assert int(counted[1].replace(",", "")) >= least
    say(f"schemathesis: {counted[1]} requests to {name}, no failure")
