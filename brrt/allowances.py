"""What a client may still ask: joins the request, whoever counts, and what is answered.

It comes before anybody is asked who he is, so that guessing is counted too.
"""

from typing import Final

from brrt.arguments import OURS, make_request
from brrt.endpoints import Endpoint
from brrt.errors import TooManyRequests
from brrt.http.additions import ADDITIONS
from brrt.http.answers import Scope
from brrt.openapi.shapes import MISSING
from brrt.rates.clients import by_address, by_name
from brrt.rates.limiter import Limiter, Verdict
from brrt.rates.policies import Rates
from brrt.running import Run
from brrt.runtime.pool import Pool

# draft-ietf-httpapi-ratelimit-headers, section 5.1.
QUOTA_EXCEEDED: Final = "https://iana.org/assignments/http-problem-types#quota-exceeded"
TITLE: Final = "Request cannot be satisfied as assigned quota has been exceeded"


async def spend(run: Run, pool: Pool, endpoint: Endpoint, rates: Rates, scope: Scope) -> None:
    """Count a request, and leave in its scope what the client is told.

    Raises `TooManyRequests`, `Shed` where too many wait, and what the user's function raises.
    """
    limiter = run.rate_limiter()
    client = _client(run, limiter, endpoint, scope)
    if client is None:
        return
    pool.begin_reading()  # it may wait, and is bounded like others that do
    try:
        verdict = await limiter.spend(rates, client)
    finally:
        pool.end_reading()
    scope[ADDITIONS] += [(b"ratelimit-policy", rates.field), (b"ratelimit", verdict.field)]
    if verdict.wait is not None:
        pool.counters.limited += 1
        raise _problem(verdict, verdict.wait)


def _client(run: Run, limiter: Limiter, endpoint: Endpoint, scope: Scope) -> str | None:
    """Who asks; None where he is not limited. A user's function cannot speak for the framework."""
    key = limiter.settings.key
    if key is None:
        return by_address(scope)
    try:
        name = key(make_request(run, endpoint, scope, {}, MISSING, {}))
    except OURS as error:
        raise RuntimeError(f"the key of the rate limits ended with {error!r}") from error
    return None if name is None else by_name(name)


def _problem(verdict: Verdict, wait: int) -> TooManyRequests:
    seconds = "1 second" if wait == 1 else f"{wait} seconds"
    return TooManyRequests(
        f"too many requests; try again in {seconds}",
        title=TITLE,
        type=QUOTA_EXCEEDED,
        headers={"Retry-After": str(wait)},
        **{"violated-policies": list(verdict.violated)},
    )
