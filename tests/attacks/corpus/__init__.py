"""All attacks, each with the answer that it must get."""

from tests.attacks.cases import Case
from tests.attacks.corpus.bodies import BODIES
from tests.attacks.corpus.forms import FORMS
from tests.attacks.corpus.framing import FRAMING
from tests.attacks.corpus.heads import HEADERS, INJECTED
from tests.attacks.corpus.paths import PATHS, QUERIES

CORPUS: dict[str, list[Case]] = {
    "paths": PATHS,
    "queries": QUERIES,
    "injected": INJECTED,
    "headers": HEADERS,
    "framing": FRAMING,
    "bodies": BODIES,
    "forms": FORMS,
}
