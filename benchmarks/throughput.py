"""Requests a second as a share of bare ASGI: the price of a contract.

    python -m benchmarks.throughput [--seconds 4] [--rounds 3] [--connections 32]

Starts a bare ASGI app and a brrt app (request and response validation, deadlines, statistics,
context variables: all on) under uvicorn with uvloop and httptools, pins server and client to
one core each, and runs wrk against them in alternation. Answers are checked before anything is
timed. Needs wrk on the PATH.
"""

import argparse
import json
import math
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from benchmarks.servers import free_port, pinned

PET = {
    "name": "Rex",
    "age": 4,
    "tags": ["good", "dog"],
    "owner": {"name": "Ann", "email": "a@b.io"},
}
CASES = {
    "GET path": ("GET", "/pets/7", None),
    "GET query": ("GET", "/pets?limit=5&offset=10&tag=dog&sort=name&desc=true", None),
    "POST body": ("POST", "/pets", json.dumps(PET)),
}
SYSTEMS = {"bare": "benchmarks.apps:bare", "brrt": "benchmarks.apps:brrt"}
REQUESTS_PER_SECOND = re.compile(r"Requests/sec:\s+([0-9.]+)")
BAD_STATUS = re.compile(r"Non-2xx or 3xx responses: (\d+)|Socket errors: (.*)")


@contextmanager
def serve(target: str, core: int | None) -> Iterator[str]:
    """Run an app under uvicorn on one core; gives its base URL."""
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", target, "--port", str(port), "--no-access-log"]
    command += ["--loop", "uvloop", "--http", "httptools", "--log-level", "warning"]
    process = subprocess.Popen([*pinned(core), *command])
    try:
        url = f"http://127.0.0.1:{port}"
        wait_until_up(url, process)
        yield url
    finally:
        process.terminate()
        process.wait(timeout=30)


def wait_until_up(url: str, process: "subprocess.Popen[bytes]") -> None:
    """Ask until the server answers, 20 seconds at the most."""
    for _ in range(400):
        if process.poll() is not None:
            raise SystemExit("the server did not start")
        try:
            urllib.request.urlopen(url + "/pets/7", timeout=1).read()
            return
        except OSError:
            time.sleep(0.05)
    raise SystemExit("the server did not answer in 20 s")


def ask(url: str, case: str) -> object:
    """One request; its answer as JSON."""
    method, path, body = CASES[case]
    data = body.encode() if body else None
    headers = {"content-type": "application/json"} if body else {}
    request = urllib.request.Request(url + path, data, headers, method=method)
    with urllib.request.urlopen(request, timeout=5) as answer:
        return json.load(answer)


def load(url: str, case: str, seconds: int, connections: int, core: int | None) -> float:
    """Requests a second by wrk. Any failed request ends the run."""
    method, path, body = CASES[case]
    lines = [f'wrk.method = "{method}"']
    if body:
        lines.append(f"wrk.body = {json.dumps(body)}")
        lines.append('wrk.headers["Content-Type"] = "application/json"')
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder, "case.lua")
        script.write_text("\n".join(lines))
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(script), url + path]
        output = subprocess.run(
            [*pinned(core), *command], capture_output=True, text=True, check=True
        ).stdout
    if bad := BAD_STATUS.search(output):
        raise SystemExit(f"{case}: {bad[0]}")
    found = REQUESTS_PER_SECOND.search(output)
    if found is None:
        raise SystemExit(output)
    return float(found[1])


def measure(seconds: int, rounds: int, connections: int) -> dict[str, list[float]]:
    """Shares of bare ASGI by case, one for each round."""
    shares: dict[str, list[float]] = {case: [] for case in CASES}
    with serve(SYSTEMS["bare"], 0) as bare, serve(SYSTEMS["brrt"], 0) as ours:
        for case in CASES:
            if ask(bare, case) != ask(ours, case):
                raise SystemExit(f"{case}: the two do not give the same answer")
        for _ in range(rounds):
            for case in CASES:
                base = load(bare, case, seconds, connections, 1)
                rate = load(ours, case, seconds, connections, 1)
                shares[case].append(rate / base)
                print(f"{case:10} bare {base:8.0f}/s   brrt {rate:8.0f}/s   {rate / base:.2f}")
    return shares


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=int, default=4, help="of load for each point")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", type=int, default=32)
    options = parser.parse_args()
    if not shutil.which("wrk"):
        raise SystemExit("wrk is not installed: apt-get install wrk")
    shares = measure(options.seconds, options.rounds, options.connections)
    middle = {case: median(values) for case, values in shares.items()}
    for case, value in middle.items():
        low, high = min(shares[case]), max(shares[case])
        print(f"{case:10} {value:.2f} of bare ASGI ({low:.2f} to {high:.2f})")
    print(f"geometric mean {math.prod(middle.values()) ** (1 / len(middle)):.2f}")


if __name__ == "__main__":
    main()
