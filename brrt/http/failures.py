"""The one place where errors become answers.

What the client did wrong is told in full; what went wrong inside is told to the log alone,
under a request id that both sides see.
"""

import logging
from collections.abc import Callable, Mapping
from typing import Any

from brrt.config import Limits
from brrt.errors import (
    BrrtError,
    LifecycleError,
    OutgoingError,
    Problem,
    Refused,
    Retired,
    SignatureInvalid,
)
from brrt.http.answers import Answer, ContractBroken, Scope
from brrt.http.identities import request_id
from brrt.http.problems import invalid_problem, problem_answer
from brrt.http.responses import Responder
from brrt.openapi.validation import Invalid

logger = logging.getLogger("brrt")

ErrorMap = Mapping[type[Exception], int | Callable[[Any], Problem]]


# What handlers do, and brrt only helps them with: their map says what it means.
HANDLERS_OWN = (OutgoingError, SignatureInvalid)


class Failed(BrrtError):
    """An error, and the operation that it befell, whose document says how it is answered.

    `raised` says that it is the handler's own, and not what was found out about the request.
    """

    def __init__(self, error: Exception, responder: Responder, raised: bool) -> None:
        self.error = error
        self.responder = responder
        self.raised = raised
        super().__init__(error)

    def refuse(self, problem: Problem) -> Answer:
        """The answer of the operation. Raises `ContractBroken`."""
        return self.responder.refuse(problem, self.raised)


Refuse = Callable[[Problem], Answer]


class Failures:
    """Turns whatever was raised into an answer. `errors` is the user's own map, by class."""

    def __init__(self, errors: ErrorMap, limits: Limits) -> None:
        self._errors = dict(errors)
        self._limits = limits
        retry = {"Retry-After": str(limits.retry_after)}
        self._busy = problem_answer(Problem(503, detail="busy; try again later", headers=retry))
        self._stopping = problem_answer(
            Problem(503, detail="stopping or changing; try again later", headers=retry)
        )

    def answer(self, error: Exception, scope: Scope) -> Answer:
        """The answer for an error; what nobody expected is logged with its traceback."""
        if not isinstance(error, Failed):
            return self._always(error, scope, problem_answer)
        try:
            return self._always(error.error, scope, error.refuse)
        finally:
            error.error.__traceback__ = None  # it holds the frames that hold it

    def _always(self, error: Exception, scope: Scope, refuse: Refuse) -> Answer:
        try:
            return self._answer(error, scope, refuse)
        except Exception as second:  # the user's map failed, or a problem that is no JSON
            return self._internal(second, scope)

    def _answer(self, error: Exception, scope: Scope, refuse: Refuse) -> Answer:
        if isinstance(error, Problem):
            return refuse(error)
        if isinstance(error, Invalid):
            return refuse(invalid_problem(error, self._limits))
        if isinstance(error, (LifecycleError, Retired)):
            return self._stopping
        if isinstance(error, Refused):
            return self._busy
        if isinstance(error, BrrtError) and not isinstance(error, HANDLERS_OWN):
            return self._internal(error, scope)  # what is ours is no business of the user's map
        return self._mapped(error, scope, refuse)

    def _mapped(self, error: Exception, scope: Scope, refuse: Refuse) -> Answer:
        """The user's own mapping, searched from the error's class upwards.

        A status says whose fault it is: what is the server's stays as opaque as any failure.
        """
        found = (self._errors.get(kind) for kind in type(error).__mro__)
        mapped = next((one for one in found if one is not None), 500)
        if not isinstance(mapped, int):
            return refuse(mapped(error))
        if mapped >= 500:
            return self._internal(error, scope, mapped)
        return refuse(Problem(mapped, detail=str(error) or None))

    def _internal(self, error: BaseException, scope: Scope, status: int = 500) -> Answer:
        identity = request_id(scope)
        what = "broke its contract" if isinstance(error, ContractBroken) else "failed"
        logger.error(
            "%s %r %s (request %s)", scope["method"], scope["path"], what, identity, exc_info=error
        )
        return problem_answer(Problem(status, request_id=identity))
