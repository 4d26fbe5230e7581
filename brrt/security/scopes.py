"""What a principal may do: scopes (RFC 6749, section 3.3), asked for and granted.

Closed: who cannot say what is granted to him is granted nothing.
"""

from collections.abc import Collection
from typing import Any, Final, TypeGuard

from brrt.errors import Forbidden

NONE: Final = frozenset[str]()


def require(wanted: Collection[str], granted: Collection[str]) -> None:
    """Raises `Forbidden` where a scope is asked for that is not granted."""
    missing = [one for one in wanted if one not in granted]
    if missing:
        noun = "scope" if len(missing) == 1 else "scopes"
        raise Forbidden(f"this needs the {noun} {' '.join(missing)}")


def scopes_of(principal: Any) -> frozenset[str]:
    """What the attribute `scopes` of a principal says: a text with spaces, or some texts."""
    return read_scopes(getattr(principal, "scopes", None))


def read_scopes(value: Any) -> frozenset[str]:
    """Scopes as they are written in tokens; of anything else there are none."""
    if isinstance(value, str):
        return frozenset(value.split())
    return frozenset(one for one in value if isinstance(one, str)) if is_several(value) else NONE


def is_several(value: Any) -> TypeGuard[Collection[Any]]:
    """Whether it is some values, and neither a text nor one value."""
    return isinstance(value, (list, tuple, set, frozenset))
