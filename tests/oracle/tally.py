"""What the oracle counts, and how long it searches."""

import json
import os
from collections import Counter
from dataclasses import dataclass, field

from hypothesis import HealthCheck, Phase, settings

from tests.oracle.cases import Case
from tests.oracle.judges import Verdict, agree
from tests.oracle.lists import DIFFERENCES, explanation

# Documents for each test; a longer search is `BRRT_ORACLE_SCALE=20 pytest tests/oracle`, which
# also takes another way each time.
SCALE = float(os.environ.get("BRRT_ORACLE_SCALE", "1"))


@dataclass(slots=True)
class Tally:
    """Agreements, and how often each listed difference was met."""

    requests: int = 0
    responses: int = 0
    met: Counter[str] = field(default_factory=Counter[str])
    _seen: set[int] = field(default_factory=set[int])

    def novel(self, cases: list[Case]) -> list[Case]:
        """Those that have not been judged yet: Hypothesis often comes back to what it had."""
        new = {_key(one): one for one in cases}
        return [one for key, one in new.items() if key not in self._seen]

    def judge(self, case: Case, mine: Verdict, theirs: Verdict) -> None:
        """Count a case. Raises AssertionError for a difference that is not listed."""
        if not agree(mine, theirs):
            listed = explanation(case, mine, theirs)
            assert listed, f"brrt: {mine}\nopenapi-core: {theirs}\n{case}"
            self.met[listed.name] += 1
        self._seen.add(_key(case))  # one that fails stays novel, so that it fails again
        if case.part.location == "answer":
            self.responses += 1
        else:
            self.requests += 1

    def __str__(self) -> str:
        return (
            f"oracle: {self.requests:,} requests and {self.responses:,} responses; brrt and"
            f" openapi-core agree on {self.agreed:,}, and on the other {self.met.total():,} they"
            f" differ as listed ({len(self.met)} of {len(DIFFERENCES)} differences were met)"
        )

    @property
    def agreed(self) -> int:
        """Requests and responses on which both say the same."""
        return self.requests + self.responses - self.met.total()


def _key(case: Case) -> int:
    return hash((json.dumps(case.part.document), case.sent, case.answer))


def profile(documents: int) -> settings:
    """How long to search: always the same way, unless a longer search is asked for."""
    return settings(
        max_examples=max(1, round(documents * SCALE)),
        derandomize=SCALE == 1,
        database=None,
        deadline=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=[HealthCheck.too_slow],
    )
