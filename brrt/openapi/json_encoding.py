"""Values as JSON: what Python has becomes the JSON that it means, or an error; never something
that only looks like it.
"""

from collections.abc import Callable
from decimal import Decimal
from functools import partial
from math import isfinite
from typing import Any, TypeGuard

import msgspec


def is_bytes(value: object) -> TypeGuard[bytes | bytearray | memoryview]:
    """Whether a value is encoded already."""
    return isinstance(value, (bytes, bytearray, memoryview))


def _plain(value: Any) -> Any:
    """What msgspec does not know: pydantic models."""
    dump = getattr(value, "model_dump", None)
    if dump is None:
        raise TypeError(f"a value of type {type(value).__qualname__} cannot become JSON")
    return dump(mode="json", by_alias=True)


_convert = partial(msgspec.to_builtins, str_keys=True, enc_hook=_plain)
# A decimal is a number, or else, where the schema wants that, a text.
to_json_types: Callable[[Any], Any] = partial(_convert, builtin_types=(Decimal,))
to_json_texts: Callable[[Any], Any] = _convert
_encode = msgspec.json.Encoder(enc_hook=_plain, decimal_format="number").encode
_scan = msgspec.json.Decoder(msgspec.Raw).decode


def encode_json(value: Any) -> bytes:
    """A value as JSON (RFC 8259). Raises TypeError or ValueError for what JSON does not have.

    That is also NaN and infinity, which the encoder would write as `null`, or, where they are
    decimals, as bare words.
    """
    body = _encode(value)
    if body.find(b"null") < 0:  # twice as quick as `in`
        _scan(body)
    elif not _is_finite(value):
        raise ValueError("JSON has no NaN and no infinity")
    return body


def _is_finite(value: Any) -> bool:
    """Whether a value that was encoded without an error holds only numbers that JSON has."""
    waiting: list[Any] = [value]
    for one in waiting:
        kind = one.__class__
        if kind is dict:
            waiting.extend(one.values())
        elif kind is list or kind is tuple:
            waiting.extend(one)
        elif isinstance(one, (float, Decimal)):
            if not isfinite(one):
                return False
        elif not (kind is str or kind is int or kind is bool or one is None):
            plain = to_json_types(one)
            if plain is not one:
                waiting.append(plain)
    return True
