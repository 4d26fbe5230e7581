"""Whether a request may pass: what the document requires, judged by the user's providers.

Rules of this file:
- Closed unless opened: only a provider that says who it is lets anybody through, or a document
  that requires nothing.
- Whoever shows credentials is judged by them, even where anybody may pass.
- What strangers learn is which schemes there are, and that is in the document.
"""

from collections.abc import Mapping
from inspect import isawaitable, iscoroutine
from typing import Any, Final

from brrt.config import MAX_PARAMETERS
from brrt.errors import Problem, Unauthorized
from brrt.openapi.security import API_KEY, BASIC, BEARER, MUTUAL_TLS, Alternative, Requirement
from brrt.security.credentials import Shown, find
from brrt.security.providers import Provider

DENIED: Final = "the credentials are not accepted"
MISSING: Final = "credentials are required"


class Guard:
    """The guard of one operation. `realm` is told in challenges (RFC 9110, section 11.5)."""

    def __init__(
        self,
        required: tuple[Alternative, ...],
        providers: Mapping[str, Provider],
        realm: str,
        max_parameters: int = MAX_PARAMETERS,
    ) -> None:
        self._limit = max_parameters
        self._required = sorted(required, key=lambda one: not one)  # anybody comes last
        self._providers = providers
        self._realm = _text(realm)

    async def admit(self, scope: Mapping[str, Any], request: Any) -> dict[str, Any]:
        """Who it is, by scheme. Raises `Problem` 401 or 403, and what providers raise."""
        asking = _Asking(self._providers, scope, request, self._limit)
        for alternative in self._required:
            if not alternative and asking.refusals:
                break
            if (principals := await asking.meet(alternative)) is not None:
                return principals
        raise self._refusal(asking.refusals)

    def _refusal(self, refusals: "dict[Requirement, Problem]") -> Problem:
        """Of several the one that says most: what is not allowed, or else who is not known."""
        forbidden = [one for one in refusals.values() if one.status != 401]
        denied = forbidden or list(refusals.values())
        problem = denied[0] if denied else Unauthorized(MISSING)
        if any(name.lower() == "www-authenticate" for name in problem.headers):
            return problem
        if problem.status in (401, 403):
            challenges = self._challenges(refusals, problem.status)
            if challenges:
                return _with_challenge(problem, ", ".join(challenges))
        return problem

    def _challenges(self, refusals: "dict[Requirement, Problem]", status: int) -> list[str]:
        """One for each scheme that would do (RFC 9110, section 11.6.1); of 403, what is lacking."""
        each = dict.fromkeys(one for alternative in self._required for one in alternative)
        if status == 403:
            lacking = (one for one in each if one in refusals and refusals[one].status == 403)
            each = dict.fromkeys(one for one in lacking if one.scheme.http == BEARER)
        return list(dict.fromkeys(self._challenge(one, refusals.get(one)) for one in each))

    def _challenge(self, one: Requirement, refusal: Problem | None) -> str:
        scheme = one.scheme
        if scheme.kind == API_KEY:  # no registered scheme; this is what others write
            place = f'in="{scheme.location}", name="{_text(scheme.parameter)}"'
            return f'ApiKey realm="{self._realm}", {place}'
        if scheme.http == BASIC:
            return f'Basic realm="{self._realm}", charset="UTF-8"'
        if scheme.kind == MUTUAL_TLS:  # as drafts write it: RFC 9110 wants a challenge
            return f'ClientCertificate realm="{self._realm}"'
        parts = [f'realm="{self._realm}"']
        if scheme.http == BEARER and refusal is not None:  # RFC 6750, section 3.1
            error = "insufficient_scope" if refusal.status == 403 else "invalid_token"
            parts.append(f'error="{error}"')
        if scheme.http == BEARER and one.scopes:
            parts.append(f'scope="{_text(" ".join(one.scopes))}"')
        return f"{scheme.http.capitalize()} {', '.join(parts)}"


def _with_challenge(problem: Problem, challenge: str) -> Problem:
    """The same with a challenge. Not the very same: a provider may keep it and raise it again."""
    made = type(problem).__new__(type(problem), *problem.args)
    made.__dict__.update(problem.__dict__)
    made.headers = {**problem.headers, "WWW-Authenticate": challenge}
    return made


def _text(text: str) -> str:
    """What may stand between quotation marks."""
    return "".join(one for one in text if " " <= one <= "~" and one not in '"\\')


class _Asking:
    """The questions about one request. Each provider is asked once for the same thing."""

    def __init__(
        self,
        providers: Mapping[str, Provider],
        scope: Mapping[str, Any],
        request: Any,
        max_parameters: int,
    ) -> None:
        self._limit = max_parameters
        self._providers = providers
        self._scope = scope
        self._request = request
        self._known: dict[Requirement, Any] = {}
        self.refusals: dict[Requirement, Problem] = {}

    async def meet(self, alternative: Alternative) -> dict[str, Any] | None:
        """Who it is, if every scheme of an alternative is met. All are asked, so all count."""
        found = {one.scheme.name: await self._ask(one) for one in alternative}
        return None if any(one is None for one in found.values()) else found

    async def _ask(self, one: Requirement) -> Any:
        if one not in self._known:
            self._known[one] = await self._judge(one)
        return self._known[one]

    async def _judge(self, one: Requirement) -> Any:
        provider = self._providers[one.scheme.name]
        if one.scheme.kind == MUTUAL_TLS and hasattr(provider, "find_certificate"):
            look: Any = provider  # it knows where to look
            shown: Shown | None = look.find_certificate(self._scope)
        else:
            shown = find(one.scheme, self._scope, self._limit)
        if shown is None:
            return None
        principal, refusal = None, None
        if shown.value is not None:
            try:
                principal = await provider(shown.value, one.scopes, self._request)
            except Problem as error:
                if error.status not in (401, 403):
                    raise
                refusal = error
        if isawaitable(principal):  # or a forgotten `await` would let everybody pass
            if iscoroutine(principal):
                principal.close()
            raise TypeError(f"the provider of {one.scheme.name} gave something to await")
        if principal is None or principal is False:  # `return token == ...` says no with False
            principal = None
            self.refusals[one] = refusal or Unauthorized(DENIED)
        return principal
