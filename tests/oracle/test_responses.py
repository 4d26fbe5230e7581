"""The same responses under openapi-core: what brrt lets out is what openapi-core lets through."""

import pytest
from hypothesis import given

from tests.oracle.answers import answer_cases
from tests.oracle.cases import Case
from tests.oracle.grammar import KINDS, NEW_KINDS
from tests.oracle.judges import Accepted, Brrt, Verdict, ask_oracle_of_answer, oracle
from tests.oracle.primitives import VERSIONS
from tests.oracle.tally import Tally, profile

pytestmark = pytest.mark.timeout(600)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", KINDS)
def test_responses_agree(tally: Tally, version: str, kind: str) -> None:
    """An answer is a 500 if and only if it breaks the document: status, headers, type or body."""
    if version < "3.1" and kind in NEW_KINDS:
        return
    verdicts: list[Verdict] = []

    @profile(40)
    @given(answer_cases(version, kind))
    def check(some: list[Case]) -> None:
        some = tally.novel(some)
        if not some:
            return
        document, sent = some[0].part.document, some[0].sent
        judge = oracle(document)
        answers = [one.answer for one in some if one.answer]
        for case, mine in zip(some, Brrt(document).judge_answers(sent, answers), strict=True):
            assert case.answer
            tally.judge(case, mine, ask_oracle_of_answer(judge, sent, case.answer))
            verdicts.append(mine)

    check()
    accepted = sum(isinstance(one, Accepted) for one in verdicts) / len(verdicts)
    assert 0.05 < accepted < 0.95
