"""Which pages of other origins may use an app, as a setting (WHATWG Fetch, section 3.3).

Only frozen data lives here, checked when it is made: a wrong origin never matches, and so would
show in somebody's browser first. What is done with it is in `cross_origin`.
"""

import re
from dataclasses import dataclass
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from brrt.config import LARGEST
from brrt.http.answers import is_token
from brrt.http.settings import check_texts, check_whole, wrong

# Seconds that a browser may keep the answer to a preflight: Starlette's value. Chrome keeps it
# for two hours at the most, Firefox for a day.
MAX_AGE: Final = 600
ANY: Final = "*"
NULL: Final = "null"
DOCUMENT: Final = "document"

_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://([a-z0-9_-]+(\.[a-z0-9_-]+)*\.?|\[[0-9a-f:.]+\])(:\d+)?")
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
# Origins that nobody has (RFC 2606): an expression that matches one of them matches anybody.
_NOBODY: Final = ("https://brrt-7d1f.invalid", "http://brrt-7d1f.invalid:8080")


@dataclass(frozen=True, slots=True, kw_only=True)
class CORS:
    """Which pages of other origins may use the app, and how.

    `origins` are written as browsers send them, `https://app.example`; `("*",)` is all of them,
    and `"null"` those that have none of their own, such as files and sandboxed frames: of anybody.
    `origin_regex` must match the whole of an origin. `methods` are those that the document has
    for a path, or, of these, the ones that are listed here. `headers` are those that a request
    may carry besides the harmless ones, `("*",)` any. `credentials` lets cookies and client
    certificates come along. `expose` are the headers of answers that a page may read. `max_age`
    is how long, in seconds, a browser need not ask again. `private_network` lets pages of public
    networks use an app in a private one.

    Single operations say otherwise with `x-cors`, but never who may: origins stand here alone.

    Raises `SettingError` for what cannot be, and for credentials for everybody.
    """

    origins: tuple[str, ...] = ()
    origin_regex: str | None = None
    methods: tuple[str, ...] | Literal["document"] = DOCUMENT
    headers: tuple[str, ...] = ()
    credentials: bool = False
    expose: tuple[str, ...] = ()
    max_age: int = MAX_AGE
    private_network: bool = False

    def __post_init__(self) -> None:
        for origin in check_texts("origins", self.origins):
            _check_origin(origin)
        if self.methods != DOCUMENT:
            for method in check_texts("methods", self.methods):
                _check_method(method)
        _check_names("headers", self.headers)
        _check_names("expose", self.expose)
        for name in ("credentials", "private_network"):
            if not isinstance(getattr(self, name), bool):
                raise wrong(name, getattr(self, name), "give True or False")
        check_whole("max_age", self.max_age, 0, LARGEST)
        self._check_whom(_pattern(self.origin_regex))

    def _check_whom(self, pattern: re.Pattern[str] | None) -> None:
        """Somebody, and with credentials not just anybody: any page could act for its visitor."""
        if not self.origins and pattern is None:
            raise wrong("origins", self.origins, "name an origin, such as 'https://app.example'")
        if ANY in self.origins and (len(self.origins) > 1 or pattern is not None):
            raise wrong("origins", self.origins, "'*' stands for all origins: leave the rest out")
        if not self.credentials:
            return
        cure = "with credentials=True name the origins one by one: any page could act for a user"
        if ANY in self.origins:
            raise wrong("origins", self.origins, cure)
        if NULL in self.origins:  # which any page becomes in a sandboxed frame
            raise wrong("origins", self.origins, f"'null' may be anybody; {cure}")
        if pattern is not None and any(map(pattern.fullmatch, _NOBODY)):
            raise wrong("origin_regex", self.origin_regex, f"it matches every origin; {cure}")
        if ANY in self.expose:
            cure = "with credentials=True '*' is a name like any other: name the headers one by one"
            raise wrong("expose", self.expose, cure)


def _check_origin(text: str) -> None:
    """Raises `SettingError` for what no browser sends as an origin (RFC 6454, section 6.2)."""
    if text in (ANY, NULL):
        return
    if ANY in text:
        raise wrong("origins", text, "write a pattern as origin_regex; '*' alone is all origins")
    meant = _serialised(text)
    if meant != text:
        cure = f"did you mean {meant!r}?" if meant else "write scheme://host or scheme://host:port"
        raise wrong("origins", text, cure)


def _serialised(text: str) -> str | None:
    """The origin of a url as browsers send it; None where there is none."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return None
    host = parts.netloc.rpartition("@")[2].lower().removesuffix(f":{port}")
    scheme = parts.scheme.lower()
    shown = "" if port is None or port == _DEFAULT_PORTS.get(scheme) else f":{port}"
    origin = f"{scheme}://{_punycode(host)}{shown}"
    return origin if _ORIGIN.fullmatch(origin) else None


def _punycode(host: str) -> str:
    try:
        return host if host.isascii() else host.encode("idna").decode("ascii")
    except UnicodeError:
        return ""


def _check_method(method: str) -> None:
    if method == ANY:
        raise wrong("methods", method, "leave methods out: those of the document are let")
    if not is_token(method):
        raise wrong("methods", method, "give names of methods, such as 'PUT'")
    if method != method.upper():
        raise wrong("methods", method, f"did you mean {method.upper()!r}?")


def _check_names(name: str, value: Any) -> None:
    for one in check_texts(name, value):
        if not is_token(one):
            raise wrong(name, one, "give names of headers, such as 'X-Request-ID'")
        if one == ANY and len(value) > 1:
            raise wrong(name, value, "'*' stands for all of them: leave the rest out")


def _pattern(text: Any) -> re.Pattern[str] | None:
    if text is None:
        return None
    if not isinstance(text, str):
        raise wrong("origin_regex", text, "give a regular expression as a string")
    try:
        return re.compile(text)
    except re.error as error:
        raise wrong("origin_regex", text, f"it is no regular expression: {error}") from None
