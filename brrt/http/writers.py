"""How values become bytes: one writer for each kind of media type, each with its checks.

Which writer a media type has is decided elsewhere, and so is what is done about a value that
breaks the document. A value that is encoded already (bytes) is checked as far as it is read.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, Protocol
from urllib.parse import urlencode

import msgspec

from brrt.http.answers import ContractBroken
from brrt.openapi.content import Unreadable, charset
from brrt.openapi.json_encoding import encode_json, is_bytes, to_json_texts, to_json_types
from brrt.openapi.json_values import is_list, is_mapping
from brrt.openapi.schemas import Validator
from brrt.openapi.validation import violations

# Violations of one answer that the log names; those that follow seldom tell more.
MAX_TOLD = 20


class Writer(Protocol):
    """How values become bytes of one media type."""

    def writes(self, value: Any) -> bool:
        """Whether this is a kind of value that can be written at all."""
        ...

    def encode(self, value: Any, check: bool) -> bytes:
        """The value as bytes.

        Raises `ContractBroken` for one that breaks its schema, TypeError, ValueError and others
        for one that cannot be written.
        """
        ...


@dataclass(frozen=True, slots=True)
class Check:
    """What a value must be, and what takes out of it the write-only members.

    `strip` is there only where a value that breaks its schema is sent all the same.
    """

    validator: Validator | None = None
    strip: Callable[[Any], Any] | None = None

    def prepare(self, value: Any, check: bool) -> Any:
        """The value in JSON types, checked or stripped. Raises `ContractBroken`."""
        if check:
            return json_types(value, self.validator)
        plain = to_json_types(value)
        return plain if self.strip is None else self.strip(plain)


NO_CHECK: Final = Check()


@dataclass(frozen=True, slots=True)
class JsonWriter:
    """One JSON text. Bytes are taken for one that is encoded already."""

    validator: Validator | None
    strip: Callable[[Any], Any] | None

    def writes(self, value: Any) -> bool:
        """Any value."""
        return True

    def encode(self, value: Any, check: bool) -> bytes:
        """The value as JSON. Raises what `Writer` says."""
        if type(value) is not dict and is_bytes(value):
            return self._encoded(bytes(value), check)
        validator = self.validator
        if validator is None or not check:
            strip = self.strip
            return encode_json(value if strip is None else strip(to_json_types(value)))
        try:
            if validator.is_valid(value):
                return encode_json(value)
        except ValueError:  # not made of JSON types: dataclasses, dates, keys that are numbers
            pass
        return encode_json(json_types(value, validator))

    def _encoded(self, data: bytes, check: bool) -> bytes:
        if self.validator is None or not (check or self.strip):
            return data
        try:
            decoded = msgspec.json.decode(data)
        except msgspec.DecodeError as error:
            if not check:
                return data
            raise ContractBroken(f"its bytes are not JSON: {error}") from None
        if check:
            require(self.validator, decoded)
        stripped = decoded if self.strip is None else self.strip(decoded)
        return data if stripped is decoded else encode_json(stripped)


@dataclass(frozen=True, slots=True)
class StreamWriter:
    """The items of a list, each one JSON text: a line, or behind a record separator (RFC 7464)."""

    each: JsonWriter
    whole: Check
    prefix: bytes
    decode: Callable[[bytes], list[Any]]

    def writes(self, value: Any) -> bool:
        """Lists, and what is encoded already."""
        return _is_list(value) or isinstance(value, str) or is_bytes(value)

    def encode(self, value: Any, check: bool) -> bytes:
        """The items one after the other. Raises what `Writer` says."""
        if isinstance(value, str) or is_bytes(value):
            data = value.encode() if isinstance(value, str) else bytes(value)
            if check:
                self._check(data)
            return data
        if not _is_list(value):
            raise ContractBroken(f"a stream of JSON needs a list, not {type(value).__qualname__}")
        values = list(value)
        if self.whole is not NO_CHECK:
            values = self.whole.prepare(values, check)
        return b"".join([self.prefix + line + b"\n" for line in self._lines(values, check)])

    def line(self, value: Any, check: bool) -> bytes:
        """One item of those that come one by one. Raises what `Writer` says."""
        line = self.each.encode(value, check)
        if is_bytes(value) and b"\n" in line:
            raise ContractBroken("bytes of more than one line")
        return self.prefix + line + b"\n"

    def _check(self, data: bytes) -> None:
        try:
            values = self.decode(data)
        except Unreadable as error:
            raise ContractBroken(f"its bytes are {error}") from None
        if self.whole.validator is not None:
            require(self.whole.validator, values)
        for _ in self._lines(values, check=True):
            pass

    def _lines(self, values: list[Any], check: bool) -> Iterator[bytes]:
        for index, one in enumerate(values):
            try:
                line = self.each.encode(one, check)
            except ContractBroken as error:
                raise ContractBroken(f"in item {index}, {error}") from None
            if is_bytes(one) and b"\n" in line:
                raise ContractBroken(f"in item {index}, bytes of more than one line")
            yield line


@dataclass(frozen=True, slots=True)
class FormWriter:
    """A form in URL encoding (WHATWG URL, section 5.2): an object of names and values.

    A list is its name repeated; an object in a member is JSON (OpenAPI 3.1.1, section 4.8.15.1).
    """

    check: Check

    def writes(self, value: Any) -> bool:
        """Objects, and what is encoded already."""
        return isinstance(value, (dict, str)) or is_bytes(value)

    def encode(self, value: Any, check: bool) -> bytes:
        """The value as a form. Raises what `Writer` says."""
        if isinstance(value, str):
            return value.encode()
        if is_bytes(value):
            return bytes(value)
        plain = self.check.prepare(value, check)
        if not is_mapping(plain):
            raise ContractBroken(f"a form needs an object, not {type(value).__qualname__}")
        pairs = [(name, _field(one)) for name, each in plain.items() for one in _each(each)]
        return urlencode(pairs).encode()


@dataclass(frozen=True, slots=True)
class TextWriter:
    """Text in a charset, or any bytes: what has no structure that could be looked into."""

    media_type: str
    validator: Validator | None
    cast: Callable[[str], Any]

    def writes(self, value: Any) -> bool:
        """Text and bytes."""
        return isinstance(value, str) or is_bytes(value)

    def encode(self, value: Any, check: bool) -> bytes:
        """The text as bytes. Raises what `Writer` says."""
        encoding = charset(self.media_type)
        if isinstance(value, str):
            data, text = value.encode(encoding), value
        elif is_bytes(value):
            data, text = bytes(value), None
        else:
            kind = type(value).__qualname__
            raise ContractBroken(f"{self.media_type} needs bytes or str, not {kind}")
        if check and self.validator is not None:
            require(self.validator, self.cast(data.decode(encoding) if text is None else text))
        return data


def json_types(value: Any, validator: Validator | None) -> Any:
    """The value in JSON types, which is checked. A decimal is a number, or else a text."""
    plain = to_json_types(value)
    if validator is not None and not validator.is_valid(plain):
        plain = to_json_texts(value)
        require(validator, plain)
    return plain


def require(validator: Validator, value: Any) -> None:
    """Raises `ContractBroken`, which tells each violation, for a value that is not valid."""
    if validator.is_valid(value):
        return
    found = list(islice(violations("response", "", validator.errors(value)), MAX_TOLD + 1))
    told = [f"{one.pointer or '/'}: {one.message}" for one in found[:MAX_TOLD]]
    raise ContractBroken("; ".join([*told, *["and more"] * (len(found) > MAX_TOLD)]))


def _is_list(value: Any) -> bool:
    return isinstance(value, (list, tuple, set, frozenset))


def _each(value: Any) -> list[Any]:
    return value if is_list(value) else [value]


def _field(value: Any) -> str:
    """One value of a form as text: JSON, but for texts themselves and for null."""
    if value is None:
        return ""
    return value if isinstance(value, str) else encode_json(value).decode()
