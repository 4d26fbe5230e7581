"""The list of differences from openapi-core is true: each of them occurs."""

from pathlib import Path

import pytest

from tests.oracle.differences import Difference, outcome
from tests.oracle.judges import Brrt, ask_oracle, oracle, same
from tests.oracle.lists import DIFFERENCES, explanation


@pytest.mark.parametrize("one", DIFFERENCES, ids=lambda one: one.name)
def test_a_listed_difference_occurs(one: Difference) -> None:
    """Brrt does in the example as the specification says, and openapi-core as the list says."""
    case = one.example
    (mine,) = Brrt(case.part.document).judge([case.sent])
    theirs = ask_oracle(oracle(case.part.document), case.sent)
    assert same(outcome(case, mine), one.mine), mine
    assert same(outcome(case, theirs), one.theirs), theirs
    assert explanation(case, mine, theirs) is one


def test_a_difference_has_one_name() -> None:
    """Names tell the differences apart."""
    names = [one.name for one in DIFFERENCES]
    assert len(names) == len(set(names))


def test_the_readme_lists_them() -> None:
    """Users find every difference, with its reason, in the README."""
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    for one in DIFFERENCES:
        cells = (text.replace("|", "&#124;") for text in (one.name, one.does, one.sentence))
        assert f"| {' | '.join(cells)} |" in readme
    rows = readme.partition("<details>")[2].partition("</details>")[0].count("\n| ")
    assert rows == len(DIFFERENCES) + 1
