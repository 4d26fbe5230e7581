"""Multipart bodies: boundaries, parts, their headers and their names."""

from tests.attacks.cases import Case, send

MULTIPART = "multipart/form-data; boundary=b"
TYPE = "multipart/form-data"


def part(
    name: str, content: str | bytes = "x", *headers: str, filename: str | None = None
) -> bytes:
    """One part, its boundary in front."""
    disposition = f'Content-Disposition: form-data; name="{name}"'
    if filename is not None:
        disposition += f'; filename="{filename}"'
    data = content.encode() if isinstance(content, str) else content
    return "\r\n".join(["--b", disposition, *headers, "", ""]).encode() + data + b"\r\n"


def upload(
    name: str, body: bytes, expected: int, *, kind: str = MULTIPART, **more: tuple[bytes, ...]
) -> Case:
    """An upload that ends as it should."""
    return Case(f"upload-{name}", send("/upload", kind, body + b"--b--\r\n"), expected, **more)


def bare(name: str, body: bytes, expected: int, *, kind: str = MULTIPART) -> Case:
    """An upload as it stands."""
    return Case(f"upload-{name}", send("/upload", kind, body), expected)


FILENAMES = {
    "climbs": "../../etc/passwd",
    "climbs-back": "..\\\\..\\\\boot.ini",
    "absolute": "/etc/passwd",
    "nul": "a.txt\0.exe",
    "dot": ".",
    "empty": "",
    "device": "CON",
    "long": "a" * 4_000,
    "script": "<script>alert(1)</script>.png",
    "escaped-lines": "a%0d%0aX-Injected: 1",
    "quote": 'a\\"; name=\\"title',
    "pipes": "|reboot;`id`$(id)",
    "right-to-left": "\u202etxt.exe",
}
FORMS = [
    upload("honest", part("title") + part("file", "data", filename="a.txt"), 200),
    *(
        upload(f"filename-{name}", part("file", "data", filename=filename), 200)
        for name, filename in FILENAMES.items()
    ),
    upload("filename-lines", part("file", "d", filename="a\r\nX-Injected: 1"), 200),
    upload(
        "filename-latin", part("file", "d").replace(b'"file"', b'"file"; filename="\xff\xfe"'), 400
    ),
    upload(
        "filename-star",
        part("file", "d").replace(b'"file"', b"\"file\"; filename*=utf-8''%2e%2e%2fa"),
        200,
    ),
    upload(
        "filename-star-odd",
        part("file", "d").replace(b'"file"', b"\"file\"; filename*=no-such''%ff%fe"),
        200,
    ),
    upload(
        "filename-star-both",
        part("file", "d", filename="a").replace(b'"a"', b"\"a\"; filename*=UTF-8''b"),
        200,
    ),
    upload(
        "filename-twice",
        part("file", "d", filename="a").replace(b'"a"', b'"a"; filename="../b"'),
        200,
    ),
    upload(
        "filename-parts",
        part("file", "d").replace(b'"file"', b'"file"; filename*0="a"; filename*1="b"'),
        200,
    ),
    upload("name-nul", part("ti\0tle"), 200),
    upload("name-prototype", part("__proto__") + part("constructor") + part("__class__"), 200),
    upload("name-empty", part(""), 200),
    upload("name-latin", part("x").replace(b'"x"', b'"\xff"'), 400),
    upload("name-none", b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n", 400),
    upload("name-twice", part("title") + part("title"), 400),
    upload("name-long", part("a" * 7_000), 200),
    upload("disposition-none", b"--b\r\n\r\nx\r\n", 400),
    upload(
        "disposition-odd", b'--b\r\nContent-Disposition: attachment; name="title"\r\n\r\nx\r\n', 200
    ),
    upload(
        "disposition-semicolons",
        b"--b\r\nContent-Disposition: form-data" + b";" * 8_000 + b"\r\n\r\nx\r\n",
        400,
    ),
    upload(
        "disposition-parameters",
        b"--b\r\nContent-Disposition: form-data" + b"; a=b" * 1_600 + b"\r\n\r\nx\r\n",
        400,
    ),
    upload(
        "disposition-quotes",
        b"--b\r\nContent-Disposition: form-data; " + b'"' * 8_000 + b"\r\n\r\nx\r\n",
        400,
    ),
    upload(
        "disposition-backslashes",
        b'--b\r\nContent-Disposition: form-data; name="' + b"\\" * 8_000 + b"\r\n\r\nx\r\n",
        200,
    ),
    upload(
        "disposition-continued",
        b"--b\r\nContent-Disposition: form-data; "
        + b"; ".join(b"name*%d=a" % n for n in range(600))
        + b"\r\n\r\nx\r\n",
        400,
    ),
    upload("header-huge", part("title", "x", "X-A: " + "a" * 20_000), 400),
    upload("header-many", part("title", "x", *[f"X-{n}: a" for n in range(100)]), 400),
    upload("header-no-colon", part("title", "x", "X-A"), 400),
    upload("header-lf", b'--b\nContent-Disposition: form-data; name="title"\n\nx\n', 400),
    upload("header-nul", part("title", "x", "X-\0A: b"), 400),
    upload("part-coding", part("title", "eA==", "Content-Transfer-Encoding: base64"), 200),
    upload("part-type-odd", part("title", "x", "Content-Type: ;;;charset=no-such"), 400),
    upload("part-charset", part("title", "x", "Content-Type: text/plain; charset=zlib_codec"), 400),
    upload("part-length", part("title", "x", "Content-Length: 99999999"), 200),
    upload("part-bytes", part("title", b"\xff\xfe"), 400),
    upload(
        "part-json-deep", part("meta", '{"a":' * 100_000, "Content-Type: application/json"), 400
    ),
    upload("part-json-nan", part("meta", '{"a":NaN}', "Content-Type: application/json"), 400),
    upload("part-number", part("count", "9" * 5_000), 400),
    upload("parts-1100", part("title") * 1_100, 413),
    upload("parts-files", part("files", "x", filename="a") * 500, 200),
    upload("parts-empty", b"--b\r\n" * 2_000, 400),
    upload(
        "nested",
        part("title", b"--c\r\n\r\nx\r\n--c--", "Content-Type: multipart/mixed; boundary=c"),
        200,
    ),
    upload("boundary-in-data", part("title", "x--b--y\r\n--bb\r\nz"), 200),
    upload("boundary-nearly", part("title", "\r\n--" * 100_000), 200),
    upload("preamble", b"x" * 500_000 + b"\r\n" + part("title"), 400),
    bare("epilogue", part("title") + b"--b--\r\n" + b"x" * 500_000, 200),
    bare("epilogue-parts", part("title") + b"--b--\r\n" + part("title") * 100 + b"--b--\r\n", 200),
    bare("unterminated", part("title"), 400),
    bare("unterminated-file", part("file", "x" * 2_000_000, filename="a"), 400),
    bare("empty", b"", 400),
    bare("only-end", b"--b--\r\n", 200),
    bare("noise", bytes(range(256)) * 100, 400),
    bare("boundary-none", part("title") + b"--b--\r\n", 400, kind=TYPE),
    bare("boundary-empty", part("title") + b"--b--\r\n", 400, kind=TYPE + "; boundary="),
    bare("boundary-other", part("title") + b"--b--\r\n", 400, kind=TYPE + "; boundary=c"),
    bare(
        "boundary-twice", part("title") + b"--b--\r\n", 400, kind=TYPE + "; boundary=b; boundary=c"
    ),
    bare(
        "boundary-long", part("title") + b"--b--\r\n", 400, kind=TYPE + "; boundary=" + "b" * 5_000
    ),
    bare("boundary-quoted", part("title") + b"--b--\r\n", 200, kind=TYPE + '; boundary="b"'),
    bare("boundary-bytes", part("title") + b"--b--\r\n", 400, kind=TYPE + "; boundary=\xff"),
    bare("boundary-star", part("title") + b"--b--\r\n", 400, kind=TYPE + "; boundary*=utf-8''%ff"),
    bare(
        "boundary-parameters",
        part("title") + b"--b--\r\n",
        200,
        kind=TYPE + ";a=b" * 1_500 + ";boundary=b",
    ),
    Case(
        "upload-too-large",
        send("/upload", MULTIPART, b"").replace(b"Content-Length: 0", b"Content-Length: 99999999"),
        413,
    ),
    Case("upload-type-mixed", send("/upload", "multipart/mixed; boundary=b", part("title")), 415),
]
