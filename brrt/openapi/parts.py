"""The parts of a multipart body, between the bytes they came in and the value they become.

Only facts live here: the edge reads parts off the wire, the contract turns them into values,
and both speak of them in these words.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias


@dataclass(frozen=True, slots=True)
class Part:
    """One part (RFC 7578, section 4): its names, its headers, and what is in it.

    `name` and `filename` are None where the part has none; `content_type` is the text of the
    header, or "". What is a file stands in `file` and its number of bytes in `size`; anything
    else is `data`.
    """

    name: str | None
    filename: str | None
    content_type: str
    headers: Mapping[bytes, bytes] = field(default_factory=dict[bytes, bytes])
    data: bytes = b""
    file: Any = None
    size: int = 0


# Whether the part at a place, with this name and file name, is kept as a file.
IsFile: TypeAlias = Callable[[int, str | None, str | None], bool]
