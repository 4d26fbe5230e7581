"""Hostile requests as raw bytes, over real sockets, to real uvicorn with each of its parsers.

The attacks stand in `corpus`, with the answer that each must get. What is said of all of them
together is said here: nothing leaks, nothing is forged, nothing is left behind.
"""

import re
from collections.abc import Iterator

import pytest

from tests.attacks.cases import Case, Response, ask, attack
from tests.attacks.corpus import CORPUS
from tests.attacks.served import Served, serve
from tests.attacks.target import SECRET

CASES = [
    pytest.param(case, id=f"{group}-{case.name}")
    for group, cases in CORPUS.items()
    for case in cases
]
ALL = [case for cases in CORPUS.values() for case in cases]
# What no answer may hold, whatever was asked.
NEVER = (b"a secret of the server", b"Traceback", b"root:x:", b"/tests/attacks")
# Who is let in and so sees the secret.
LET_IN = ("authorization-case",)
# The only ones that may fail: their handlers do so on purpose, or forge headers.
FAILING = ("inject-careless", "inject-log", "inject-request-id")
# Bytes by which a process may have grown after the same attacks a second time. What it takes for
# the largest of them (some 10 MiB) may be in other places then.
GROWTH = 16 * 1024 * 1024


@pytest.fixture(scope="module", params=["h11", "httptools"])
def served(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """The app on one of the parsers, attacked by all tests of this module."""
    with serve(request.param, tmp_path_factory.mktemp(request.param)) as running:
        yield running


@pytest.mark.parametrize("case", CASES)
def test_an_attack_is_answered(served: Served, case: Case) -> None:
    """Each attack gets its own answer and no other, and none of it is in a header."""
    responses = attack(served.port, case, served.http)
    assert tuple(one.status for one in responses) == case.answers(served.http)
    whole = b"".join(one.head + one.body for one in responses)
    if case.name not in LET_IN:
        assert SECRET.encode() not in whole
    assert [one for one in (*NEVER, *case.absent) if one in whole] == []
    assert [one for one in case.present if one not in whole] == []
    for one in responses:
        _check_head(one)
        assert one.status != 500 or case.name.startswith(FAILING)


def _check_head(response: Response) -> None:
    """No name that an attack would have forged, no control characters, one length."""
    lines = response.head.lower().split(b"\r\n")[1:]
    names = [line.partition(b":")[0] for line in lines]
    assert not {b"x-injected", b"set-cookie2"} & set(names)
    assert not re.search(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", response.head)
    assert names.count(b"content-length") + names.count(b"transfer-encoding") <= 1
    if response.status == 303:
        (location,) = (line for line in lines if line.startswith(b"location:"))
        assert b" " not in location.removeprefix(b"location: ")


def test_nothing_is_left_behind(served: Served) -> None:
    """After all attacks, twice: as many tasks and files as before, no memory, no forged log."""
    for case in ALL:
        attack(served.port, case, served.http)
    before = served.at_rest()
    for case in ALL:
        attack(served.port, case, served.http)
    after = served.at_rest()
    assert served.process.poll() is None
    assert after.pop("resident") - before.pop("resident") < GROWTH
    assert after == before
    assert (after["busy"], after["queued"], after["streams"]) == (0, 0, 0)
    assert after["handlers"] == served.operations
    honest = Case("honest", ask("/pair/a/b"), 200)
    (response,) = attack(served.port, honest, served.http)
    assert response.body == b'["a","b"]'


def test_no_log_line_is_forged(served: Served) -> None:
    """Line breaks and escapes in paths, names and values reach no line of a log as they are."""
    for case in ALL:
        if "log" in case.name or "escape" in case.name or case.name.startswith("typed"):
            attack(served.port, case, served.http)
    served.at_rest()
    log = served.log
    assert b"INJECTED" in log
    assert b"\x1b" not in log
    assert not re.search(rb"^\W*INJECTED", log, re.MULTILINE)


def test_every_attack_has_a_name_of_its_own() -> None:
    """A case that is named in the README is one case."""
    names = [(group, case.name) for group, cases in CORPUS.items() for case in cases]
    assert len(set(names)) == len(names) > 500
