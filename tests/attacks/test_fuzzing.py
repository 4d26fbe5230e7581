"""Requests that are nearly right, drawn by Hypothesis: none fails, none hangs, none is left.

The strategies are those of `python -m benchmarks.fuzz`, which goes on for as long as is wanted.
"""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings

from benchmarks.fuzzing.asking import Ask, Broken, Session
from benchmarks.fuzzing.strategies import WAYS
from tests.attacks.target import build

EXAMPLES = 100


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    """The attacked app; at the end nothing may be left of any request."""
    running = Session(build)
    yield running
    running.close()


@pytest.mark.parametrize("way", WAYS)
def test_nothing_that_is_nearly_right_does_harm(session: Session, way: str) -> None:
    """Each request has one answer, which is no failure of ours; some are let through."""
    statuses = set[int]()

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(WAYS[way])
    def holds(one: Ask) -> None:
        statuses.add(session.ask(one).status // 100)

    holds()
    assert {2, 4} <= statuses


def test_a_failure_would_be_seen(session: Session) -> None:
    """A handler that fails, and one that forges a header, break the rules."""
    for target in (b"/fail/x", b"/careless"):
        with pytest.raises(Broken, match="the status is 500"):
            session.ask(Ask("GET", target, b"value=a%0ab"))
