"""The same requests under openapi-core: same verdicts, same values.

Documents and requests are generated, valid and broken. Where the two differ, the difference is
on the list, with the sentence of the specification that decides it.
"""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.oracle.cases import JSON, MEDIA_TYPES, NAME, PLACES, Case, body_cases, parameter_cases
from tests.oracle.grammar import KINDS, NEW_KINDS
from tests.oracle.judges import Accepted, Brrt, Refused, Verdict, ask_oracle, oracle, same
from tests.oracle.primitives import VERSIONS
from tests.oracle.tally import Tally, profile
from tests.oracle.whole import whole_cases
from tests.oracle.written import written_cases

pytestmark = pytest.mark.timeout(600)
Cases = st.SearchStrategy[list[Case]]


def search(cases: Cases, documents: int, tally: Tally) -> list[Verdict]:
    """Judge all cases; the verdicts of brrt."""
    verdicts: list[Verdict] = []

    @profile(documents)
    @given(cases)
    def check(some: list[Case]) -> None:
        some = tally.novel(some)
        if not some:
            return
        document = some[0].part.document
        judge = oracle(document)
        for case, mine in zip(some, Brrt(document).judge([one.sent for one in some]), strict=True):
            tally.judge(case, mine, ask_oracle(judge, case.sent))
            verdicts.append(mine)

    check()
    return verdicts


def share(verdicts: list[Verdict], kind: Callable[[Verdict], bool]) -> float:
    """How many verdicts are such."""
    return sum(map(kind, verdicts)) / len(verdicts)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("place", PLACES, ids=lambda place: "-".join(map(str, place)))
def test_parameters_agree(tally: Tally, version: str, place: tuple[str, str, bool]) -> None:
    """A parameter is refused, or read, as openapi-core does; crashes there are none."""
    is_read = place[1] not in ("label", "matrix")  # openapi-core takes those for missing
    verdicts = search(parameter_cases(version, place), 120 if is_read else 25, tally)
    assert share(verdicts, lambda one: isinstance(one, Accepted)) > 0.05
    assert share(verdicts, lambda one: isinstance(one, Refused)) > 0.05


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("place", PLACES, ids=lambda place: "-".join(map(str, place)))
def test_what_is_written_is_read(version: str, place: tuple[str, str, bool]) -> None:
    """What a client writes by the table of styles is what the handler gets.

    This is the check of those styles that openapi-core cannot read.
    """

    @profile(30)
    @given(written_cases(version, place))
    def check(written: tuple[list[Case], list[Any]]) -> None:
        cases, values = written
        document = cases[0].part.document
        verdicts = Brrt(document).judge([one.sent for one in cases])
        for case, mine, value in zip(cases, verdicts, values, strict=True):
            assert isinstance(mine, Accepted), (mine, case.sent, document)
            assert same(mine.values[NAME], value), (mine, case.sent, document)

    check()


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("media_type", MEDIA_TYPES)
def test_bodies_agree(tally: Tally, version: str, media_type: str) -> None:
    """A form, a text or JSON of any kind is refused or read as openapi-core does."""
    verdicts = search(body_cases(version, media_type), 80, tally)
    assert share(verdicts, lambda one: isinstance(one, Accepted)) > 0.05
    assert share(verdicts, lambda one: isinstance(one, Refused)) > 0.05


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", KINDS)
def test_json_bodies_agree(tally: Tally, version: str, kind: str) -> None:
    """A JSON body is refused, or read with its defaults, as openapi-core does."""
    if version < "3.1" and kind in NEW_KINDS:
        return
    verdicts = search(body_cases(version, JSON, kind), 50, tally)
    assert share(verdicts, lambda one: isinstance(one, Accepted)) > 0.05
    assert share(verdicts, lambda one: isinstance(one, Refused)) > 0.05


@pytest.mark.parametrize("version", VERSIONS)
def test_whole_requests_agree(tally: Tally, version: str) -> None:
    """Of a request of six parts, exactly those are named that openapi-core refuses."""
    wrong: set[int] = set()

    @profile(120)
    @given(whole_cases(version))
    def check(some: list[Case]) -> None:
        some = tally.novel(some)
        if not some:
            return
        document = some[0].part.document
        judge = oracle(document)
        for case, mine in zip(some, Brrt(document).judge([one.sent for one in some]), strict=True):
            theirs = ask_oracle(judge, case.sent)
            if isinstance(mine, Refused) and isinstance(theirs, Refused):
                assert mine.places == theirs.places, (case.sent, document)
                wrong.add(len(mine.places))
            tally.judge(case, mine, theirs)

    check()
    assert 1 in wrong
    assert max(wrong) > 2
