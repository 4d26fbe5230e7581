"""Secrets that are compared and never shown: only their keyed digests are kept.

A digest is HMAC-SHA-256 under a key that each process makes for itself, so how long a look-up
takes tells nothing about a prefix of any secret, and what is found is compared once more in
constant time.
"""

import hmac
import secrets
from hashlib import sha256
from typing import Final

# Bytes: as long as the digest (RFC 2104, section 3).
KEY_BYTES: Final = 32


class Digests:
    """Digests under a key of its own."""

    __slots__ = ("_key",)

    def __init__(self) -> None:
        self._key = secrets.token_bytes(KEY_BYTES)

    def of(self, text: str) -> bytes:
        """The digest of a text; what is no UTF-8 has one too."""
        return hmac.digest(self._key, text.encode("utf-8", "surrogatepass"), sha256)

    def of_nothing(self) -> bytes:
        """A digest that no text has, to be compared where there is nothing to compare with."""
        return secrets.token_bytes(KEY_BYTES)


def is_same(one: bytes, other: bytes) -> bool:
    """Whether two digests are equal, in constant time."""
    return hmac.compare_digest(one, other)
