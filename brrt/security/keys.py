"""The keys that are good at a time, and which of them may have signed a token.

Facts alone: where keys come from is in `key_sets`, how they are read in `jwk`.
"""

from dataclasses import dataclass, field
from typing import Any, Final

from brrt.security.compact import Header

# Keys that are tried for a token, where the names leave it open which it is: each try takes some
# 150 us of the event loop, and 900 with the largest curve.
MAX_TRIES: Final = 8


class Unusable(Exception):
    """A key, or a set of them, that checks no signature, and why; the text may be logged."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key, and the algorithms that it may check. `identity` changes with what it is."""

    kid: str | None
    algorithms: frozenset[str]
    identity: bytes = field(repr=False)
    material: Any = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Keys:
    """Keys, and what was left out: by name, with the reason."""

    each: tuple[Key, ...]
    skipped: tuple[tuple[str, str], ...] = ()

    def knows(self, kid: str | None) -> bool:
        """Whether there is a key of this name."""
        return kid is not None and any(one.kid == kid for one in self.each)

    def has(self, identity: bytes) -> bool:
        """Whether a key is still there, as it was."""
        return any(one.identity == identity for one in self.each)

    def fitting(self, header: Header) -> list[Key]:
        """The keys that may have signed a token: those of its name, or where either has none."""
        fits = [one for one in self.each if header.algorithm in one.algorithms]
        if header.kid is not None:
            fits = [one for one in fits if one.kid in (None, header.kid)]
        return fits[:MAX_TRIES]
