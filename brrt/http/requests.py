"""Reading an ASGI scope: the path as the router wants it, the headers that are asked for, and
the request object for handlers that want more than their arguments.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, unquote

from starlette.requests import Request as StarletteRequest

from brrt.config import Limits
from brrt.errors import Problem
from brrt.http.answers import Scope
from brrt.http.identities import request_id
from brrt.openapi.operations import Operation
from brrt.openapi.routing import canonical, canonical_from_decoded

SLASH = ord("/")
_ASCII = bytes(range(128))


class Request(StarletteRequest):
    """The request as it came, for handlers that ask for it: Starlette's, and the contract's part.

    `operation` is the operation that was matched, `parameters` the decoded and checked values
    by the document's names (one that stands in several places is `path.id` and `query.id` there),
    `content` the decoded body (None where there is none), `principals` who calls, by the names of
    the security schemes, `app_state` what the app's lifespan has yielded, `id` what
    the request is called in its answer and in the log.
    """

    operation: Operation
    parameters: Mapping[str, Any]
    content: Any
    principals: Mapping[str, Any]
    app_state: Any

    @property
    def id(self) -> str:
        """The client's `X-Request-ID`, or the trace of its `traceparent`, or a new one."""
        return request_id(self.scope)


def tidy(scope: Scope) -> dict[str, Any]:
    """A copy of the scope whose query is ASCII, as that of any URI (RFC 3986, section 2).

    Some servers let other bytes through, on which `Request.url` would fail.
    """
    copy = dict(scope)
    query: bytes = copy["query_string"]
    if not query.isascii():
        copy["query_string"] = quote(query, safe=_ASCII).encode()
    return copy


def request_path(scope: Scope) -> str:
    """The canonical path of a request, `root_path` included if the server included it."""
    raw: bytes | None = scope.get("raw_path")
    if not raw:
        return canonical_from_decoded(scope["path"])
    if raw[0] != SLASH and b"://" in raw:  # absolute form (RFC 9112, section 3.2.2)
        raw = b"/" + raw.partition(b"://")[2].partition(b"/")[2]
    return canonical(raw)


def mount_point(scope: Scope) -> str:
    """Where the app is mounted: ASGI's `root_path`, or what a host cut off `path`.

    Litestar cuts its mounts off `path` alone, says nothing in `root_path`, and puts a slash at
    the end. `raw_path` still is what was sent, so the place is what it has in front.
    """
    root: str = scope.get("root_path", "")
    raw, path = scope.get("raw_path"), scope["path"]
    if not raw or len(raw) <= len(path):
        return root
    if len(raw) - 2 * raw.count(b"%") <= len(path):  # `%20` is one character
        return root
    whole = unquote(raw.partition(b"?")[0].decode("latin-1")).rstrip("/")
    rest = path.rstrip("/")
    cut = whole[: len(whole) - len(rest)] if whole.endswith(rest) else ""
    return cut or root


def local_path(path: str, root_path: str) -> str:
    """A path without the place where the app is mounted (ASGI: `root_path`)."""
    root = canonical_from_decoded(root_path.rstrip("/"))
    if path == root:
        return "/"
    return path[len(root) :] if path.startswith(root + "/") else path


def check_size(scope: Scope, limits: Limits) -> None:
    """Refuse what is too long to be looked at. Raises `Problem` 414 and 431."""
    target = len(scope.get("raw_path") or scope["path"]) + len(scope["query_string"])
    if target > limits.max_target:
        raise Problem(414, detail=f"the request target is longer than {limits.max_target} bytes")
    size = 0
    for name, value in scope["headers"]:  # half the time of `sum` and an iterator
        size += len(name) + len(value)
    if size > limits.max_headers:
        raise Problem(431, detail=f"the headers are larger than {limits.max_headers} bytes")


def pick_headers(scope: Scope, wanted: frozenset[bytes]) -> dict[bytes, bytes]:
    """The wanted headers; lines of one name are joined (RFC 9110, section 5.3)."""
    found: dict[bytes, bytes] = {}
    for name, value in scope["headers"]:
        if name in wanted:
            if name in found:
                glue = b"; " if name == b"cookie" else b", "
                value = found[name] + glue + value
            found[name] = value
    return found
