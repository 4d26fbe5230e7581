"""How answers are compressed, as a setting, and which never are.

Only frozen data lives here; what compresses is in `codings`, what it is done to in `packing`.
"""

import re
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Final

from brrt.config import LARGEST
from brrt.errors import MissingExtra
from brrt.http.settings import check_texts, check_whole, wrong
from brrt.openapi.content import matches

# Bytes. What is smaller fits into one packet as it is (1,280 bytes of IPv6, less the headers).
MINIMUM: Final = 1_024
# Of 9. Of a list of 8,000 pets in JSON, 669 KB, gzip makes 94 KB at 126 MB/s, brotli and zstd 45 KB
# at 130 and 300 MB/s. Level 9 takes four times as long for a twentieth less, of brotli a sixth.
LEVEL: Final = 4
# Streams that are compressed at a time. Each takes 0.2 (gzip) to 0.9 MiB (zstd), and brotli 1.5 at
# level 9: this many stay under 100 MiB.
STREAMS: Final = 100
# The libraries of the codings, the best one first: zstd is as small as brotli and faster.
LIBRARIES: Final = {"zstd": "zstandard", "br": "brotli", "gzip": "zlib"}
EVENT_STREAM: Final = "text/event-stream"

# Media types whose content is compressed already, by name, by range and by ending.
_PACKED: Final = frozenset(
    {
        "application/grpc",
        "application/gzip",
        "application/java-archive",
        "application/pdf",
        "application/vnd.rar",
        "application/x-7z-compressed",
        "application/x-bzip2",
        "application/x-gzip",
        "application/x-rar-compressed",
        "application/x-xz",
        "application/x-zip-compressed",
        "application/zip",
        "application/zstd",
        "font/woff",
        "font/woff2",
    }
)
_PACKED_BEGINNINGS: Final = (
    "application/grpc+",
    "application/vnd.oasis.opendocument.",
    "application/vnd.openxmlformats-",
    "audio/",
    "image/",
    "video/",
)
_PACKED_ENDINGS: Final = ("+zip", "+gzip", "+zstd")
_NOT_PACKED: Final = frozenset({"image/svg+xml", "image/bmp", "image/vnd.microsoft.icon"})
_TYPE = re.compile(r"[!#$%&'+.^_`|~0-9a-z-]+/(\*|[!#$%&'+.^_`|~0-9a-z-]+)|\*/\*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Compression:
    """How answers are compressed: by gzip, and by zstd and brotli where they are installed.

    `minimum` bytes are needed for it; a stream counts as long. `level` is from 1 (fast) to 9
    (small), on the scale of each coding. `types` are the media types that are compressed, such as
    `("application/json", "text/*")`; with None all are but those that are compressed already
    (images, audio, video, archives, PDF). `codings` are used in this order where a client likes
    several alike; with None all that are installed, of `zstd`, `br` and `gzip`. `streams` are
    compressed at a time; further ones are sent as they are.

    Never compressed are events, parts of files, what has a Content-Encoding or a digest, and what
    must not be changed (`Cache-Control: no-transform`).

    Raises `SettingError` for a value out of range, and `MissingExtra` for a coding whose library
    is not installed.
    """

    minimum: int = MINIMUM
    level: int = LEVEL
    types: tuple[str, ...] | None = None
    codings: tuple[str, ...] | None = None
    streams: int = STREAMS

    def __post_init__(self) -> None:
        check_whole("minimum", self.minimum, 0, LARGEST)
        check_whole("level", self.level, 1, 9)
        check_whole("streams", self.streams, 0, LARGEST)
        for one in _texts("types", self.types):
            _check_type(one)
        for one in _texts("codings", self.codings):
            _check_coding(one)

    def installed(self) -> tuple[str, ...]:
        """The codings that are used, in the order of preference."""
        if self.codings is not None:
            return self.codings
        return tuple(one for one, library in LIBRARIES.items() if find_spec(library) is not None)

    def takes(self, media_type: str) -> bool:
        """Whether content of this type, in lower case and without parameters, is compressed."""
        if media_type in ("", EVENT_STREAM):
            return False
        if self.types is not None:
            return any(matches(one, media_type) for one in self.types)
        if media_type in _NOT_PACKED:
            return True
        is_packed = media_type.startswith(_PACKED_BEGINNINGS) or media_type in _PACKED
        return not is_packed and not media_type.endswith(_PACKED_ENDINGS)


def _texts(name: str, value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    if value == ():
        raise wrong(name, value, "name some, or give None")
    return check_texts(name, value)


def _check_type(text: str) -> None:
    if not _TYPE.fullmatch(text):
        cure = "write a media type in lower case, without parameters, or a range such as text/*"
        raise wrong("types", text, cure)
    if text == EVENT_STREAM:
        raise wrong("types", text, "events are never held back to be compressed")


def _check_coding(text: str) -> None:
    if text not in LIBRARIES:
        raise wrong("codings", text, f"it is one of {', '.join(LIBRARIES)}")
    if find_spec(LIBRARIES[text]) is None:
        library = LIBRARIES[text]
        raise MissingExtra(f"for {text} brrt needs {library}: pip install 'brrt[compression]'")
