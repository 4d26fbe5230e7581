"""The app on servers that are not its own: the same answers, and a clean stop."""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).parent.parent
APP = "examples.pet_store:app"
PATIENCE = 30.0  # seconds for a server to start or to stop
SERVERS = {
    "uvicorn": ["uvicorn", APP, "--port", "{port}"],
    "uvicorn-asyncio-h11": ["uvicorn", APP, "--port", "{port}", "--loop=asyncio", "--http=h11"],
    "hypercorn": ["hypercorn", APP, "--bind", "127.0.0.1:{port}"],
    "granian": ["granian", "--interface", "asgi", "--host=127.0.0.1", "--port={port}", APP],
}


@pytest.fixture(params=SERVERS)
def address(request: pytest.FixtureRequest) -> Iterator[str]:
    """The pet store on a server of its own; afterwards it has stopped by itself."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    words = [word.replace("{port}", port) for word in SERVERS[request.param]]
    process = subprocess.Popen([sys.executable, "-m", *words], cwd=ROOT)
    try:
        wait_until_open(int(port), process)
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


def test_the_pet_store_answers_on_every_server(address: str) -> None:
    """Lifespan, routing, decoding, bodies and problems are the same wherever the app runs."""
    with httpx.Client(base_url=address, timeout=PATIENCE) as client:
        health = client.get("/health").json()
        assert health["status"] == "ok"
        assert health["active"] == health["handlers"]
        assert client.get("/pets/1").json()["id"] == 1
        assert client.get("/pets/one").status_code == 400
        assert client.get("/items/a%2Fb").status_code == 400  # one segment, and no UUID
        assert client.request("POST", "/pets/1").status_code == 405
        assert client.post("/pets", json={"name": ""}).status_code == 400
        assert client.head("/pets/1").content == b""
