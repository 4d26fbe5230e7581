"""Where a document says that it is served: the base paths of its Server Objects.

OpenAPI 3.1.1, section 4.8.5. Only paths count: which host a request is sent to is the business of
whoever routes it here.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urljoin, urlsplit

from brrt.openapi.document import Node
from brrt.openapi.json_values import elements

# Scheme and host of a URL. Only its path counts here, so nothing else is looked at.
_HOST = re.compile(r"^(?:[A-Za-z][A-Za-z0-9+.-]*:)?//[^/?#]*")
# How many combinations of a server's variables are expanded to base paths.
MAX_SERVER_EXPANSIONS = 64


def base_paths(servers: Node | None) -> tuple[str, ...]:
    """The base paths of servers, without the last slash; `("",)` where there are none."""
    if servers is None or not servers.value:
        return ("",)
    found = (base for server in servers.elements() for base in _server_bases(server.value))
    return tuple(dict.fromkeys(found))


def _server_bases(server: Mapping[str, Any]) -> Iterator[str]:
    for url in _expand(str(server.get("url", "/")), server.get("variables") or {}):
        path = urlsplit(urljoin("http://server/", _HOST.sub("", url))).path
        yield path.rstrip("/")


def _expand(url: str, variables: Mapping[str, Any]) -> list[str]:
    """A server URL with each variable in all its values (its `enum`, or else its default)."""
    urls: list[str] = [url]
    for name, variable in variables.items():
        mark = "{" + name + "}"
        if mark in url:
            values: list[Any] = elements(variable.get("enum")) or [variable.get("default", "")]
            filled: list[str] = []
            for value in values:
                filled += [one.replace(mark, str(value)) for one in urls]
            urls = filled[:MAX_SERVER_EXPANSIONS]
    return urls
