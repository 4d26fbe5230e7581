"""Tokens that were found good, so that they are not checked from the beginning each time.

Kept by their digest: neither a token nor a part of it is. Bounded; who was not seen for longest
goes first.
"""

from collections import OrderedDict
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from brrt.security.claims import Claims

# Tokens. One takes some 2 KB: this many stay under 2 MB.
DECISIONS: Final = 1_024


@dataclass(frozen=True, slots=True)
class Decision:
    """What a token says, and by which key it is said."""

    claims: Claims
    key: bytes


class Decisions:
    """At most `size` decisions; with 0, none."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._kept: OrderedDict[bytes, Decision] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def find(self, digest: bytes) -> Decision | None:
        """What was decided about a token, if it is still known."""
        found = self._kept.get(digest)
        if found is not None:
            self._kept.move_to_end(digest)
        return found

    def keep(self, digest: bytes, decision: Decision) -> None:
        """Remember what was decided."""
        self._kept[digest] = decision
        self._kept.move_to_end(digest)
        while len(self._kept) > self._size:
            self._kept.popitem(last=False)

    def drop(self, digest: bytes) -> None:
        """It holds no longer."""
        self._kept.pop(digest, None)


def digest_of(token: str) -> bytes:
    """What a token is known by."""
    return sha256(token.encode("utf-8", "surrogatepass")).digest()
