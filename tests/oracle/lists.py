"""All differences together, and which of them explains a disagreement."""

from tests.oracle.body_differences import BODY_DIFFERENCES
from tests.oracle.cases import Case
from tests.oracle.differences import Difference
from tests.oracle.facts import Facts
from tests.oracle.judges import Verdict
from tests.oracle.parameter_differences import PARAMETER_DIFFERENCES
from tests.oracle.value_differences import VALUE_DIFFERENCES

DIFFERENCES = (*PARAMETER_DIFFERENCES, *BODY_DIFFERENCES, *VALUE_DIFFERENCES)


def explanation(case: Case, mine: Verdict, theirs: Verdict) -> Difference | None:
    """The first listed difference that a disagreement meets."""
    facts = Facts(case, mine, theirs)
    places: dict[str, tuple[Difference, ...]] = {
        "whole": (),
        "body": (*VALUE_DIFFERENCES, *BODY_DIFFERENCES),
        "answer": VALUE_DIFFERENCES,
    }
    some = places.get(case.part.location, PARAMETER_DIFFERENCES)
    return next((one for one in some if one.applies(facts)), None)
