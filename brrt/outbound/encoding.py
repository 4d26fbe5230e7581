"""Values as JSON: what Python has becomes the JSON that it means, or an error; never something
that only looks like it. Dataclasses, structs and pydantic models are values too.
"""

from collections.abc import Callable
from decimal import Decimal
from functools import partial
from math import isfinite
from typing import Any

import msgspec

from brrt.openapi.json_values import is_list, is_mapping


def encode(value: Any) -> bytes:
    """A value as JSON (RFC 8259), decimals as numbers.

    Raises TypeError or ValueError for what JSON does not have; for NaN and infinity too, which
    the encoder writes as `null`, or, where they are decimals, as bare words.
    """
    body = _encode_numbers(value)
    if b"null" in body:
        _require_finite(value)
    return body


def _plain(value: Any) -> Any:
    """What msgspec does not know: pydantic models."""
    dump = getattr(value, "model_dump", None)
    if dump is None:
        raise TypeError(f"a value of type {type(value).__qualname__} cannot become JSON")
    return dump(mode="json", by_alias=True)


_encode_numbers = msgspec.json.Encoder(enc_hook=_plain, decimal_format="number").encode
# The same with decimals as texts, which is what some schemas want.
encode_texts = msgspec.json.Encoder(enc_hook=_plain, decimal_format="string").encode
# A value in JSON types. Raises TypeError for what JSON does not have.
to_json_types: Callable[[Any], Any] = partial(msgspec.to_builtins, str_keys=True, enc_hook=_plain)


def _require_finite(value: Any) -> None:
    plain = msgspec.to_builtins(value, str_keys=True, enc_hook=_plain, builtin_types=(Decimal,))
    waiting: list[Any] = [plain]
    for one in waiting:
        if is_mapping(one):
            waiting.extend(one.values())
        elif is_list(one):
            waiting.extend(one)
        elif isinstance(one, (float, Decimal)) and not isfinite(one):
            raise ValueError("JSON has no NaN and no infinity")
