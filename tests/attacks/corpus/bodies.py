"""Bodies: what JSON, lines, forms and texts can be made of, and codings that hide a bomb."""

import gzip
import zlib

from tests.attacks.cases import Case, send

JSON = "application/json"
LINES = "application/jsonl"
FORM = "application/x-www-form-urlencoded"


def _json(name: str, body: str | bytes, status: int, *, present: tuple[bytes, ...] = ()) -> Case:
    return Case(f"json-{name}", send("/json", JSON, body), status, present=present)


def _typed(name: str, body: str | bytes, status: int) -> Case:
    return Case(f"typed-{name}", send("/typed", JSON, body), status)


def _coded(coding: str, data: bytes, status: int = 415) -> Case:
    raw = send("/json", JSON, data, f"Content-Encoding: {coding}")
    return Case(f"coding-{coding or 'none'}", raw, status)


DEEP = 500_000
BOMB = gzip.compress(b"0" * 10_000_000)
BODIES = [
    _json("arrays", "[" * DEEP, 400),
    _json("arrays-closed", "[" * DEEP + "]" * DEEP, 400),
    _json("objects", '{"a":' * 150_000, 400),
    _json("objects-closed", '{"a":' * 150_000 + "1" + "}" * 150_000, 400),
    _json("mixed", '[{"a":' * 150_000, 400),
    _json("mixed-closed", '[{"a":' * 120_000 + "1" + "}]" * 120_000, 400),
    _json("hundreds", "[" * 300 + "]" * 300, 400),
    _json("hundred-and-one", "[" * 101 + "]" * 101, 400),
    _json("thousand", "[" * 1_100 + "]" * 1_100, 400),
    _typed("tags-deep", '{"name":"a","tags":' + "[" * 300 + "]" * 300 + "}", 400),
    _json("hundred", "[" * 100 + "]" * 100, 200),
    _json("infinite", "1e400", 400),
    _json("infinite-minus", "-1e400", 400),
    _json("integer-5000", "9" * 5_000, 400),
    _json("integer-300", "9" * 300, 200),
    _json("float-5000", "0." + "9" * 5_000, 200),
    _json("exponent", "1e" + "9" * 5_000, 400),
    _json("exponent-minus", "1e-" + "9" * 5_000, 200),
    _json("minus-zero", "-0", 200),
    _json("minus-zero-float", "-0.0", 200),
    _json("nan", "NaN", 400),
    _json("infinity", "[Infinity,-Infinity]", 400),
    _json("hex", "0x10", 400),
    _json("leading-zero", "010", 400),
    _json("plus", "+1", 400),
    _json("comment", "{}/* */", 400),
    _json("trailing-comma", "[1,]", 400),
    _json("two", "{}{}", 400),
    _json("single-quotes", "{'a':1}", 400),
    _json("surrogate", r'"\ud800"', 400),
    _json("surrogate-key", r'{"\udfff":1}', 400),
    _json("surrogates-swapped", r'"\udc00\ud800"', 400),
    _json("surrogate-bytes", b'"\xed\xa0\x80"', 400),
    _json("bytes", b'"\xff\xfe"', 400),
    _json("overlong", b'"\xc0\xaf"', 400),
    _json("nul", b'"\0"', 400),
    _json("nul-escaped", r'"\u0000"', 200),
    _json("nul-behind", b"{}\0", 400),
    _json("byte-order-mark", b"\xef\xbb\xbf{}", 200),
    _json("byte-order-marks", b"\xef\xbb\xbf" * 9 + b"{}", 400),
    _json("utf-16", "{}".encode("utf-16"), 400),
    _json("utf-16-le", "{}".encode("utf-16-le"), 400),
    _json("utf-32", "{}".encode("utf-32"), 400),
    _json("keys-twice", '{"a":1,"a":2}', 200, present=(b'{"a":2}',)),
    _json("keys-twice-escaped", r'{"a":1,"\u0061":2}', 200, present=(b'{"a":2}',)),
    _json("prototype", '{"__proto__":{"admin":true},"constructor":{"prototype":{}}}', 200),
    _json("class", '{"__class__":"os.system","__init__":{"__globals__":{}}}', 200),
    _json("key-types", '{"$type":"System","@class":"java","py/object":"os.system"}', 200),
    _json("key-empty", '{"":{"":""}}', 200),
    _json("key-long", '{"' + "a" * 500_000 + '":1}', 200),
    _json("many-keys", "{" + ",".join(f'"{n}":1' for n in range(60_000)) + "}", 200),
    _json("many-items", "[" + "0," * 400_000 + "0]", 200),
    _json("escapes", '"' + r"\u0041" * 150_000 + '"', 200),
    _json("empty", "", 400),
    _json("blank", " " * 500_000, 400),
    _json("unterminated", '{"a":"' + "a" * 500_000, 400),
    _json("template", '"{{7*7}} ${7*7} <%= 7*7 %>"', 200, present=(b"{{7*7}}",)),
    _json("sql", '"\'; DROP TABLE pets; --"', 200, present=(b"DROP TABLE",)),
    _json("xml", '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>', 400),
    Case("json-charset", send("/json", JSON + "; charset=utf-7", "{}"), 200),
    Case("json-charset-odd", send("/json", JSON + "; charset=idna", b"\xff"), 400),
    _typed("honest", '{"name":"a","price":1.25,"even":2}', 200),
    _typed("multiple-huge", '{"name":"a","even":1e308}', 200),
    _typed("multiple-tiny", '{"name":"a","price":1e-300}', 400),
    _typed("multiple-long", '{"name":"a","even":' + "2" * 4_000 + "}", 200),
    _typed("multiple-digits", '{"name":"a","price":0.' + "1" * 4_000 + "}", 400),
    _typed("child-deep", '{"name":"a","child":' + '{"child":' * 5_000 + "{}" + "}" * 5_001, 400),
    _typed("child-wide", '{"name":"a","child":{"kids":[' + "{}," * 200_000 + "1]}}", 400),
    _typed(
        "unknown-members",
        '{"name":"a",' + ",".join(f'"a{n}":"b"' for n in range(60_000)) + "}",
        400,
    ),
    _typed("prototype", '{"__proto__":{"name":"a"}}', 400),
    _typed("unique", '{"name":"a","tags":[' + ",".join(map(str, range(100_000))) + "]}", 200),
    _typed("unique-alike", '{"name":"a","tags":[' + ",".join(["{}"] * 100_000) + "]}", 400),
    _typed("enum", '{"name":"a","kind":1e300}', 200),
    _typed("name-surrogate", r'{"name":"\ud83d"}', 400),
    _typed("name-escape", r'{"name":1,"\u001b[31m\r\nINJECTED":"x"}', 400),
    Case("lines-deep", send("/lines", LINES, "[" * DEEP), 400),
    Case("lines-many", send("/lines", LINES, "1\n" * 300_000), 200),
    Case("lines-empty", send("/lines", LINES, "\n" * 900_000), 200),
    Case("lines-broken", send("/lines", LINES, "{\n" * 300_000), 400),
    Case("items-deep", send("/items", LINES, "{}\n" + '{"a":' * 100_000), 400),
    Case("items-many", send("/items", LINES, "{}\n" * 100_000), 200),
    Case("items-no-end", send("/items", LINES, "{" + "a" * 2_000_000), 413),
    Case("items-infinite", send("/items", LINES, '{"a":1e400}'), 400),
    Case("form-fields", send("/form", FORM, "a&" * 1_500), 400, present=(b"1000",)),
    Case("form-same-name", send("/form", FORM, "a=1&" * 900), 200),
    Case("form-bytes", send("/form", FORM, "a=%ff"), 400),
    Case("form-name-bytes", send("/form", FORM, b"\xff=a"), 400),
    Case("form-escapes", send("/form", FORM, "a=" + "%" * 500_000), 200),
    Case("form-prototype", send("/form", FORM, "__proto__=1&constructor[prototype]=2"), 200),
    Case("form-nul", send("/form", FORM, "a%00b=c%00d"), 200),
    Case("form-charset", send("/form", FORM + "; charset=utf-16", "a=b"), 200),
    Case("text-charset-unknown", send("/text", "text/plain; charset=no-such", "a"), 400),
    Case("text-charset-codec", send("/text", "text/plain; charset=zlib_codec", "a"), 400),
    Case("text-charset-slow", send("/text", "text/plain; charset=idna", "a" * 100_000), 400),
    Case("text-charset-utf-7", send("/text", "text/plain; charset=utf-7", "+ADw-script+AD4-"), 400),
    Case("text-charset-escape", send("/text", 'text/plain; charset="unicode_escape"', "\\n"), 400),
    Case("text-bytes", send("/text", "text/plain", b"\xff\xfe"), 400),
    Case("text-utf-16-odd", send("/text", "text/plain; charset=utf-16", b"\xff\xfea"), 400),
    _coded("gzip", BOMB),
    _coded("deflate", zlib.compress(b"0" * 10_000_000)),
    _coded("br", b"\xa1\x88\x00\x00\x00"),
    _coded("zstd", b"\x28\xb5\x2f\xfd\x04\x00"),
    _coded("gzip, gzip", gzip.compress(BOMB)),
    _coded("x-gzip", BOMB),
    _coded("compress", b"\x1f\x9d"),
    _coded("IDENTITY", b"{}", 200),
    _coded("", b"{}", 200),
    Case(
        "coding-two",
        send("/json", JSON, BOMB, "Content-Encoding: identity", "Content-Encoding: gzip"),
        415,
    ),
    Case(
        "coding-upload",
        send("/upload", "multipart/form-data; boundary=b", BOMB, "Content-Encoding: gzip"),
        415,
    ),
    Case("coding-lines", send("/items", LINES, BOMB, "Content-Encoding: gzip"), 415),
    Case("too-large", send("/json", JSON, b"[" + b"0," * 600_000 + b"0]"), 413),
    Case(
        "too-large-chunked",
        send("/json", JSON, b"").replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
        + (b"10000\r\n" + b"0" * 65_536 + b"\r\n") * 20
        + b"0\r\n\r\n",
        413,
    ),
]
