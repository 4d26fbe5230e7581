"""What bounds the sending of webhooks: each setting with a default and the reason for it.

Only frozen data lives here. `allow` is the one setting that opens something.
"""

import ssl
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any

from brrt.config import LARGEST, SettingError

Network = IPv4Network | IPv6Network

# The first and four more: with the waits below a receiver may be away for some seconds. What
# must survive longer, or a restart, needs a queue on disk.
ATTEMPTS = 5
# Seconds for one attempt, from the look-up of the name to the last byte. GitHub's value; the
# Standard Webhooks specification advises 15 to 30 for those who have nothing else to do.
TIMEOUT = 10.0
# Seconds before the second attempt at the most; it doubles each time. AWS's "full jitter".
BACKOFF = 0.5
# Seconds between two attempts at the most, whatever the receiver asks for: a handler's timeout.
MAX_BACKOFF = 30.0
# Bytes of an answer that are read, headers included: only the status counts.
MAX_RESPONSE = 65_536
# Bytes of a payload: what brrt itself takes in (`max_body`). Receivers like some 20 KB.
MAX_PAYLOAD = 1_048_576
# Connections at a time, to all receivers together. With an answer in 100 ms that is 500 a second.
CONNECTIONS = 50
# How receivers see who calls.
USER_AGENT = "brrt"

_WHOLE = frozenset({"attempts", "max_response", "max_payload", "connections"})
_NUMBERS = ("timeout", "backoff", "max_backoff", *sorted(_WHOLE))
_MAY_BE_ZERO = frozenset({"backoff", "max_backoff"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Outbound:
    """How webhooks and callbacks are sent. All times are in seconds, all sizes in bytes.

    `attempts` for one message, each with its `timeout`; between them a random time of at most
    `backoff`, doubled each time, and never more than `max_backoff`, not even where `Retry-After`
    asks for it. `max_response` is read of an answer; `max_payload` is what may be sent. At most
    `connections` are open; further messages wait for one.

    `allow` are the networks or addresses that are called although they are not public, such as
    `("10.1.0.0/16", "127.0.0.1")`; `only`, where it is given, are the hosts that are called at
    all: names (one that begins with a dot stands for all below it), addresses or networks.
    `https_only` refuses plain http. `tls` is for receivers with certificates of their own; by
    default those of the public authorities are trusted.

    Raises `SettingError` for a value out of range.
    """

    attempts: int = ATTEMPTS
    timeout: float = TIMEOUT
    backoff: float = BACKOFF
    max_backoff: float = MAX_BACKOFF
    max_response: int = MAX_RESPONSE
    max_payload: int = MAX_PAYLOAD
    connections: int = CONNECTIONS
    allow: tuple[str, ...] = ()
    only: tuple[str, ...] | None = None
    https_only: bool = False
    user_agent: str = USER_AGENT
    tls: ssl.SSLContext | None = None

    def __post_init__(self) -> None:
        for name in _NUMBERS:
            _check_number(name, getattr(self, name))
        _ = self.networks
        given: Any = self.only
        hosts: tuple[Any, ...] = self.only or ()
        is_usable = given is None or isinstance(given, tuple)
        if not is_usable or not all(isinstance(one, str) for one in hosts):
            raise SettingError(f"only must be a tuple of hosts, got {given!r}")
        if not self.user_agent.isascii() or not self.user_agent.isprintable():
            raise SettingError(f"user_agent must be printable ASCII, got {self.user_agent!r}")
        for host in self.only or ():
            _check_host(host)

    @property
    def networks(self) -> tuple[Network, ...]:
        """`allow`, read. Raises `SettingError`."""
        given: Any = self.allow
        if not isinstance(given, tuple):
            raise SettingError(f"allow must be a tuple of networks, got {given!r}")
        return tuple(map(_network, self.allow))


def _network(text: Any) -> Network:
    try:
        return ip_network(str(text))
    except ValueError as error:
        cure = "write a network such as 10.1.0.0/16 or an address; names cannot be allowed"
        raise SettingError(f"allow holds {text!r}: {error}; {cure}") from None


def _check_number(name: str, value: Any) -> None:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise SettingError(f"{name} must be a number, got {value!r}")
    if name in _WHOLE and not isinstance(value, int):
        raise SettingError(f"{name} must be a whole number, got {value!r}")
    zero = name in _MAY_BE_ZERO
    if not (value > 0 or (zero and value == 0)) or value > LARGEST:
        bound = "0 or more" if zero else "more than 0"
        raise SettingError(f"{name} must be {bound} and at most {LARGEST:,}, got {value!r}")


def _check_host(text: str) -> None:
    """Raises `SettingError` for an entry of `only` that no url's host could ever be."""
    if not text.isascii() or not text.strip(". "):
        raise SettingError(f"only holds {text!r}; write a host as it is on the wire (xn--...)")
    if "/" in text:
        try:
            ip_network(text)
        except ValueError as error:
            cure = "write a host without scheme and path, or a network such as 10.1.0.0/16"
            raise SettingError(f"only holds {text!r}: {error}; {cure}") from None
