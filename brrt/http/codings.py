"""Content codings: which one a client takes (RFC 9110, section 12.5.3), and what writes them.

Libraries are imported when they are first used. Nothing here knows messages or headers.
"""

import re
import zlib
from importlib import import_module
from typing import Any, Final, NamedTuple, Protocol

# Bytes of an Accept-Encoding header that are looked at. Browsers send some 25.
MAX_ACCEPT: Final = 1_024
IDENTITY: Final = "identity"

# gzip's own frame around deflate, which looks back 32 KiB, its most; so the whole is 256 KiB.
_GZIP: Final = 31
# Streams of brotli and zstd look back 64 KiB: a compressor then takes some 0.9 MiB.
_WINDOW_BITS: Final = 16
# RFC 9659: 8 MiB is the most that decoders of zstd must have. This is a quarter of a level's.
_MAX_WINDOW_BITS: Final = 20
_WEIGHT = re.compile(r"0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?")
_ALIASES: Final = {"x-gzip": "gzip"}  # RFC 9110, section 8.4.1.3


class Taken(NamedTuple):
    """What a client takes: the coding that is used, and whether it refuses content without one."""

    coding: str | None
    must: bool


def choose(header: str, codings: tuple[str, ...]) -> Taken:
    """The coding that a client likes best; of several that it likes alike, our first.

    What cannot be read of the header is not there. No coding where the client prefers none, and
    where it takes nothing at all: then anything is as good.
    """
    weights = _weights(header) if len(header) <= MAX_ACCEPT else dict[str, float]()
    others = weights.get("*", 0.0)
    plain = weights.get(IDENTITY, weights.get("*"))
    best = max(codings, key=lambda one: weights.get(one, others), default=IDENTITY)
    weight = weights.get(best, others)
    if not weight or (IDENTITY in weights and weight < weights[IDENTITY]):
        return Taken(None, False)
    return Taken(best, plain == 0.0)


def _weights(header: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for element in header.lower().split(","):
        name, *parameters = (one.strip() for one in element.split(";"))
        weight = "1"
        if parameters:
            key, _, weight = parameters[0].partition("=")
            if key.strip() != "q":
                continue
        if name and _WEIGHT.fullmatch(weight.strip()):
            found[_ALIASES.get(name, name)] = float(weight)
    return found


class Flow(Protocol):
    """Compresses one stream. Nothing is held back: what went in comes out with each piece."""

    def piece(self, data: bytes) -> bytes:
        """The next piece, compressed."""
        ...

    def end(self, data: bytes) -> bytes:
        """The last piece, and the end."""
        ...


class Coding(Protocol):
    """Compresses, in one way and to one level."""

    def whole(self, data: bytes) -> bytes:
        """All of a body. From any thread."""
        ...

    def begin(self) -> Flow:
        """What compresses a stream."""
        ...


class Gzip:
    """RFC 1952, by Python's own zlib."""

    def __init__(self, level: int) -> None:
        self._level = level

    def whole(self, data: bytes) -> bytes:
        """All of a body."""
        return self.begin().end(data)

    def begin(self) -> Flow:
        """What compresses a stream."""
        return _Gzipping(zlib.compressobj(self._level, zlib.DEFLATED, _GZIP))


class _Gzipping:
    def __init__(self, compressor: Any) -> None:
        self._compressor = compressor

    def piece(self, data: bytes) -> bytes:
        made: bytes = self._compressor.compress(data) + self._compressor.flush(zlib.Z_SYNC_FLUSH)
        return made

    def end(self, data: bytes) -> bytes:
        made: bytes = self._compressor.compress(data) + self._compressor.flush()
        return made


class Brotli:
    """RFC 7932, by the library of its makers."""

    def __init__(self, level: int) -> None:
        self._library: Any = import_module("brotli")
        self._level = level

    def whole(self, data: bytes) -> bytes:
        """All of a body."""
        made: bytes = self._library.compress(data, quality=self._level, lgwin=_MAX_WINDOW_BITS)
        return made

    def begin(self) -> Flow:
        """What compresses a stream."""
        return _Brotling(self._library.Compressor(quality=self._level, lgwin=_WINDOW_BITS))


class _Brotling:
    def __init__(self, compressor: Any) -> None:
        self._compressor = compressor

    def piece(self, data: bytes) -> bytes:
        made: bytes = self._compressor.process(data) + self._compressor.flush()
        return made

    def end(self, data: bytes) -> bytes:
        made: bytes = self._compressor.process(data) + self._compressor.finish()
        return made


class Zstandard:
    """RFC 8878 and 9659, by zstandard."""

    def __init__(self, level: int) -> None:
        self._library: Any = import_module("zstandard")
        self._level = level

    def whole(self, data: bytes) -> bytes:
        """All of a body."""
        made: bytes = self._compressor(min(len(data), 1 << _MAX_WINDOW_BITS)).compress(data)
        return made

    def begin(self) -> Flow:
        """What compresses a stream."""
        return _Zstanding(self._compressor(1 << _WINDOW_BITS).compressobj(), self._library)

    def _compressor(self, size: int) -> Any:
        """A compressor with the memory that content of this size needs. Not to be shared."""
        make = self._library.ZstdCompressionParameters.from_level
        made = make(self._level, source_size=max(size, 1))
        return self._library.ZstdCompressor(compression_params=made)


class _Zstanding:
    def __init__(self, compressor: Any, library: Any) -> None:
        self._compressor = compressor
        self._block = library.COMPRESSOBJ_FLUSH_BLOCK

    def piece(self, data: bytes) -> bytes:
        made: bytes = self._compressor.compress(data) + self._compressor.flush(self._block)
        return made

    def end(self, data: bytes) -> bytes:
        made: bytes = self._compressor.compress(data) + self._compressor.flush()
        return made


def make_codings(names: tuple[str, ...], level: int) -> dict[str, Coding]:
    """The codings by their names in HTTP."""
    makers: dict[str, type[Gzip | Brotli | Zstandard]]
    makers = {"gzip": Gzip, "br": Brotli, "zstd": Zstandard}
    return {name: makers[name](level) for name in names}
