"""Pages of other origins: what they are told on each answer, and when they ask first.

WHATWG Fetch, section 3.3, "CORS protocol"; where that leaves a choice, as Starlette's middleware.

Rules of this file:
- Who may is a setting (`CORS`) and never the document's to say; `x-cors` says how.
- Nothing is refused but preflights: it is browsers that keep answers from pages.
- What differs from one origin to the next says so (`Vary`), also to whoever sent no Origin, since
  that is what caches keep.
"""

import re
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from brrt.config import SettingError
from brrt.errors import Fault, Problem
from brrt.http.answers import Answer, Headers, Scope, Send
from brrt.http.cors import ANY, CORS, DOCUMENT, NULL
from brrt.http.problems import problem_answer
from brrt.http.requests import pick_headers
from brrt.http.vary import VARY, with_vary
from brrt.openapi.json_values import is_list, is_mapping
from brrt.openapi.operations import Operation

X_CORS: Final = "x-cors"
ORIGIN: Final = b"origin"
METHOD: Final = b"access-control-request-method"
HEADERS: Final = b"access-control-request-headers"
PRIVATE_NETWORK: Final = b"access-control-request-private-network"
HOST: Final = b"host"
_ASKED: Final = frozenset({ORIGIN, METHOD, HEADERS, PRIVATE_NETWORK, HOST})
# Bytes of an Origin that are looked at: a scheme, the longest name that DNS knows, and a port.
MAX_ORIGIN: Final = 320

# Fetch, section 2.2.2: what pages may send in any case. Starlette allows them expressly.
_HARMLESS: Final = ("Accept", "Accept-Language", "Content-Language", "Content-Type")
_ALLOW_ORIGIN: Final = b"access-control-allow-origin"
_EXPOSE: Final = b"access-control-expose-headers"
_ALLOW_CREDENTIALS: Final = (b"access-control-allow-credentials", b"true")
_PREFLIGHT_VARY: Final = (
    VARY,
    b", ".join((b"Origin", b"Access-Control-Request-Method", b"Access-Control-Request-Headers"))
    + b", Access-Control-Request-Private-Network",
)
_VARIES: Final = (VARY, b"Origin")
# What an answer may have already of what is told.
_OURS: Final = frozenset({VARY, _ALLOW_ORIGIN, _ALLOW_CREDENTIALS[0], _EXPOSE})
_TEXT: Final = (b"content-type", b"text/plain; charset=utf-8")


@dataclass(frozen=True, slots=True)
class Policy:
    """The setting, ready to be used. Two that allow the same are equal."""

    settings: CORS
    is_open: bool = field(init=False, compare=False)  # to every origin, and so to each alike
    _pattern: re.Pattern[str] | None = field(init=False, compare=False, repr=False)
    _shared: tuple[tuple[bytes, bytes], ...] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        settings, shared = self.settings, list[tuple[bytes, bytes]]()
        if settings.credentials:
            shared.append(_ALLOW_CREDENTIALS)
        if settings.expose:
            exposed = ", ".join(settings.expose).encode("ascii")
            shared.append((_EXPOSE, exposed))
        pattern = None if settings.origin_regex is None else re.compile(settings.origin_regex)
        object.__setattr__(self, "is_open", ANY in settings.origins)
        object.__setattr__(self, "_pattern", pattern)
        object.__setattr__(self, "_shared", tuple(shared))

    def allows(self, origin: bytes) -> bool:
        """Whether a page of this origin may use the app."""
        if self.is_open:
            return True
        text = origin.decode("latin-1")
        if text in self.settings.origins:
            return True
        if self._pattern is None or text == NULL or len(text) > MAX_ORIGIN:
            return False
        return self._pattern.fullmatch(text) is not None

    def headers(self, origin: bytes | None) -> tuple[tuple[bytes, bytes], ...]:
        """What an answer tells the browser of a page of this origin; None where none was sent."""
        if self.is_open:
            return ((_ALLOW_ORIGIN, b"*"), *self._shared)
        if origin is None or not self.allows(origin):
            return ()
        return ((_ALLOW_ORIGIN, origin), *self._shared)

    def preflight(self, asked: Mapping[bytes, bytes], methods: Sequence[str]) -> Answer:
        """The answer to the question whether a request may be sent: 200, or 400 with the reasons.

        `asked` are the headers of the question, `methods` those that there are for its path under
        this very policy.
        """
        settings, origin = self.settings, asked[ORIGIN]
        if settings.methods != DOCUMENT:
            methods = [one for one in methods if one in settings.methods]
        headers, failures = self._allowing(asked, methods), list[str]()
        if self.allows(origin):
            headers.append((_ALLOW_ORIGIN, b"*" if self.is_open else origin))
        else:
            failures.append("origin")
        if asked[METHOD].decode("latin-1") not in methods:
            failures.append("method")
        if not self._allows_headers(asked.get(HEADERS)):
            failures.append("headers")
        if PRIVATE_NETWORK in asked:
            if settings.private_network:
                headers.append((b"access-control-allow-private-network", b"true"))
            else:
                failures.append("private-network")
        if not failures:
            return Answer(200, [*headers, _TEXT, (b"content-length", b"2")], b"OK")
        refusal = problem_answer(Problem(400, detail=f"Disallowed CORS {', '.join(failures)}"))
        return refusal._replace(headers=[*refusal.headers, *headers])

    def _allowing(self, asked: Mapping[bytes, bytes], methods: Sequence[str]) -> Headers:
        """What is allowed, whatever was asked for."""
        settings, allowed = self.settings, asked.get(HEADERS)
        if ANY not in settings.headers:
            allowed = ", ".join(sorted({*_HARMLESS, *settings.headers})).encode("ascii")
        headers: Headers = [
            _PREFLIGHT_VARY,
            (b"access-control-max-age", b"%d" % settings.max_age),
        ]
        if methods:
            headers.append((b"access-control-allow-methods", ", ".join(methods).encode("latin-1")))
        if allowed is not None:
            headers.append((b"access-control-allow-headers", allowed))
        if settings.credentials:
            headers.append(_ALLOW_CREDENTIALS)
        return headers

    def _allows_headers(self, asked: bytes | None) -> bool:
        if asked is None or ANY in self.settings.headers:
            return True
        allowed = {one.lower() for one in (*_HARMLESS, *self.settings.headers)}
        names = (one.strip() for one in asked.decode("latin-1").lower().split(","))
        return all(one in allowed for one in names if one)


def question(scope: Scope) -> Mapping[bytes, bytes] | None:
    """The headers of a preflight; None for a request that is none.

    A page of the app's own origin has nothing to ask for.
    """
    if scope["method"] != "OPTIONS":
        return None
    asked = pick_headers(scope, _ASKED)
    if ORIGIN not in asked or METHOD not in asked:
        return None
    own = scope.get("scheme", "http").encode("latin-1") + b"://" + asked.get(HOST, b"")
    return None if asked[ORIGIN] == own.lower() else asked


def dressed(send: Send, policy: Policy | None, origin: bytes | None, varies: bool) -> Send:
    """A `send` that tells browsers what a policy allows, whatever is answered.

    With None it allows nothing; `varies` where other requests for the same may be told otherwise.
    A plain function: no answer waits a turn longer for it.
    """
    extra = () if policy is None else policy.headers(origin)
    added = (*extra, _VARIES) if varies else extra

    def dress(message: Any) -> Awaitable[None]:
        if message["type"] == "http.response.start":
            headers = [*message.get("headers", ()), *added]
            for name, _ in headers[: -len(added)] if added else ():
                if name in _OURS:
                    headers = _merged(headers, extra)
                    break
            message = {**message, "headers": headers}
        return send(message)

    return dress


def _merged(headers: Headers, extra: tuple[tuple[bytes, bytes], ...]) -> Headers:
    """The headers, in which what a handler says for itself gives way, and there is one Vary."""
    names = {name for name, _ in extra}
    return with_vary([*(one for one in headers if one[0] not in names), *extra], ())


# What `x-cors` may say, and the setting that it replaces.
_LISTS: Final = {"methods": "methods", "headers": "headers", "expose": "expose"}
_MEMBERS: Final = {**_LISTS, "credentials": "credentials", "max-age": "max_age"}


def operation_policy(
    operation: Operation, policy: Policy | None, faults: list[Fault]
) -> Policy | None:
    """The policy of one operation: the app's, as its `x-cors` changes it. None for none.

    Where the app has none, `x-cors` may say that there is none, or that it is the app's; what
    would open something is a fault, since nobody has said to whom. Faults go to `faults`.
    """
    given = operation.extensions.get(X_CORS, True)
    if given is False:
        return None
    if given is True or given == "inherit":
        return policy
    node = operation.node.get(X_CORS) or operation.node
    name = f"{X_CORS} of {operation.id}"
    if not is_mapping(given):
        cure = "write inherit, false, or an object with some of " + ", ".join(_MEMBERS)
        faults.append(node.fault(f"{name} is {given!r}", cure))
        return policy
    if policy is None:
        cure = "App(..., cors=CORS(origins=...)) says who may; or write x-cors: false"
        faults.append(node.fault(f"{name} allows something, but the app has no CORS policy", cure))
        return None
    wrong = [_wrong_member(key, value) for key, value in given.items()]
    found = [node.fault(f"{name}: {text}", cure) for text, cure in filter(None, wrong)]
    faults += found
    return policy if found else _changed(operation, policy, given, faults)


def _wrong_member(key: str, value: Any) -> tuple[str, str] | None:
    """What is wrong with a member by itself, and the cure."""
    if key.lower().startswith(("origin", "alloworigin", "allowedorigin")):
        return (
            f"{key} is not the document's to say",
            "who may is a setting: App(..., cors=CORS(origins=...))",
        )
    if key not in _MEMBERS:
        return f"{key} is unknown", "it has " + ", ".join(_MEMBERS)
    if key in _LISTS and not (is_list(value) and all(isinstance(one, str) for one in value)):
        return f"{key} is {value!r}", "write a list of names"
    return None


def _changed(
    operation: Operation, policy: Policy, given: Mapping[str, Any], faults: list[Fault]
) -> Policy:
    """The app's policy with what `x-cors` says of it."""
    node, name = operation.node.get(X_CORS) or operation.node, f"{X_CORS} of {operation.id}"
    changes: dict[str, Any] = {
        _MEMBERS[key]: tuple(value) if key in _LISTS else value for key, value in given.items()
    }
    try:
        settings = replace(policy.settings, **changes)
    except SettingError as error:
        message, _, cure = str(error).partition("; ")
        faults.append(node.fault(f"{name}: {message}", cure))
        return policy
    if "methods" in given and operation.method not in settings.methods:
        message = f"{name}: methods are without {operation.method}, its own"
        faults.append(node.fault(message, f"add {operation.method}; or write x-cors: false"))
    return Policy(settings)
