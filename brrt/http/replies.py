"""What a handler may say beside its value: status, headers, media type, and where to go next.

Only what the user writes lives here; whether the document allows it is asked elsewhere.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeGuard, TypeVar
from urllib.parse import quote

from brrt.http.answers import ContractBroken, GivenHeaders

T = TypeVar("T")

# What may stand in a URI as it is (RFC 3986, section 2): reserved and unreserved characters, and
# `%`, since what is encoded already stays so. All else is percent-encoded as UTF-8.
_URI = ":/?#[]@!$&'()*+,;=%-._~"
# A relation: a registered name or a URI, and never the end of the text that holds it.
_RELATION = re.compile(r"[A-Za-z][!#-\[\]-~]*")


_NONE: Any = None  # for a value of any type: a reply without one has none to be typed


@dataclass(frozen=True)  # without slots: a generic of both cannot be called as `Reply[Pet](...)`
class Reply(Generic[T]):
    """A value with a status, headers or a media type of the handler's choice.

    Without a `status`, that of a plain value is taken. `headers` may be pairs, for a name that
    occurs more than once, such as `Set-Cookie`. `media_type` wins over what the client prefers.
    `location` is a URI reference for the `Location` header (RFC 9110, section 10.2.2), `links`
    are targets by relation type for the `Link` header (RFC 8288), one or several for each:
    `links={"next": "/pets?page=2"}`; in both, what is not ASCII is percent-encoded.
    """

    value: T = _NONE
    status: int | None = None
    headers: GivenHeaders = ()
    media_type: str | None = None
    location: str | None = None
    links: Mapping[str, str | Sequence[str]] | None = None

    def all_headers(self) -> GivenHeaders:
        """The headers, those that `location` and `links` become included."""
        if self.location is None and not self.links:
            return self.headers
        given = self.headers.items() if isinstance(self.headers, Mapping) else self.headers
        pairs = list(given)
        if self.location is not None:
            pairs.append(("location", _uri(self.location)))
        if self.links:
            pairs.append(("link", ", ".join(_links(self.links))))
        return pairs


def is_reply(value: object) -> TypeGuard[Reply[Any]]:
    """Whether a value comes with a status, headers or a media type."""
    return isinstance(value, Reply)


def _uri(text: str) -> str:
    try:
        return quote(text, safe=_URI)
    except UnicodeEncodeError:
        raise ContractBroken(f"{text!r} cannot be a URI") from None


def _links(links: Mapping[str, str | Sequence[str]]) -> Iterator[str]:
    for relation, targets in links.items():
        if not _RELATION.fullmatch(relation):
            raise ContractBroken(f"{relation!r} is no relation type of a link")
        for target in [targets] if isinstance(targets, str) else targets:
            yield f'<{_uri(target)}>; rel="{relation}"'
