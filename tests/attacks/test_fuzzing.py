"""Requests that are nearly right, drawn by Hypothesis: none fails, none hangs, none is left.

The strategies are those of `python -m benchmarks.fuzz`, which goes on for as long as is wanted.
"""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.fuzzing.asking import Ask, Broken, Session
from benchmarks.fuzzing.strategies import WAYS
from tests.attacks.target import build

EXAMPLES = 150


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    """The attacked app; at the end nothing may be left of any request."""
    running = Session(build)
    yield running
    running.close()


@pytest.mark.parametrize("way", WAYS)
def test_nothing_that_is_nearly_right_does_harm(session: Session, way: str) -> None:
    """Each request has one answer, which is no failure of ours, within its time."""

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(WAYS[way])
    def holds(one: Ask) -> None:
        session.ask(one)

    holds()


def test_a_failure_would_be_seen(session: Session) -> None:
    """A handler that fails, and one that forges a header, break the rules."""
    for target in (b"/fail/x", b"/careless"):
        with pytest.raises(Broken, match="the status is 500"):
            session.ask(Ask("GET", target, b"value=a%0ab"))


def test_the_ways_reach_what_they_are_for(session: Session) -> None:
    """Requests are not all refused at once: each way has some that go through."""
    for way, strategy in WAYS.items():
        statuses = set[int]()

        @settings(max_examples=40, derandomize=True, deadline=None, database=None)
        @given(strategy, st.just(statuses))
        def collect(one: Ask, into: set[int]) -> None:
            into.add(session.ask(one).status // 100)

        collect()
        assert {2, 4} <= statuses, way
