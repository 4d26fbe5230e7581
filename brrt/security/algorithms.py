"""The signature algorithms of tokens, as a table: which key each takes (RFC 7518, section 3).

Pinned when a provider is made, and never read off a token (RFC 8725, sections 2.1 and 3.1).
`none` is not in the table. What needs a shared secret and what needs a public key are never
allowed together, so that no public key can be taken for a secret.
"""

from collections.abc import Collection, Mapping
from typing import Any, Final

from brrt.config import SettingError

# Algorithm -> key type, and curve (RFC 7518, section 3.1; RFC 8037, section 3.1; RFC 9864).
FAMILIES: Final[Mapping[str, tuple[str, str | None]]] = {
    "RS256": ("RSA", None),
    "RS384": ("RSA", None),
    "RS512": ("RSA", None),
    "PS256": ("RSA", None),
    "PS384": ("RSA", None),
    "PS512": ("RSA", None),
    "ES256": ("EC", "P-256"),
    "ES384": ("EC", "P-384"),
    "ES512": ("EC", "P-521"),
    "EdDSA": ("OKP", "Ed25519"),
    "Ed25519": ("OKP", "Ed25519"),
}
# Bytes that a secret must have: those of the hash (RFC 7518, section 3.2).
SECRET_BYTES: Final[Mapping[str, int]] = {"HS256": 32, "HS384": 48, "HS512": 64}
# Two names of the same (RFC 9864, section 2.2).
_SAME: Final[Mapping[str, str]] = {"EdDSA": "Ed25519"}
# Bits. RFC 7518, section 3.3, asks for the first; to check a longer one than the second takes a
# millisecond of the event loop.
MIN_RSA_BITS: Final = 2_048
MAX_RSA_BITS: Final = 8_192


def public_algorithms(wanted: Collection[str] | None) -> frozenset[str]:
    """Those that take a public key; all, or those that are wanted. Raises `SettingError`."""
    return _pinned(wanted, FAMILIES, "give the shared secret: JWT(..., secret=...)")


def secret_algorithms(wanted: Collection[str] | None) -> frozenset[str]:
    """Those that take a shared secret: HS256, or those that are wanted. Raises `SettingError`."""
    cure = "a shared secret goes with HS256, HS384 and HS512 alone"
    return _pinned(("HS256",) if wanted is None else wanted, SECRET_BYTES, cure)


def _pinned(wanted: Collection[str] | None, known: Mapping[str, Any], cure: str) -> frozenset[str]:
    if wanted is None:
        return frozenset(known)
    if isinstance(wanted, str) or not wanted:
        raise SettingError(f"algorithms cannot be {wanted!r}; give a list such as ['RS256']")
    for one in wanted:
        if one.lower() == "none":
            raise SettingError("the algorithm none signs nothing; brrt never allows it")
        if one not in known:
            hint = cure if one in SECRET_BYTES or one in FAMILIES else "it is not known"
            raise SettingError(f"algorithms cannot have {one!r}: {hint}; {', '.join(known)}")
    return frozenset(wanted)


def canonical(algorithm: str) -> str:
    """The one name of what has two."""
    return _SAME.get(algorithm, algorithm)
