"""Where one request ends and the next begins: what is read in two ways is how they are smuggled.

Behind each attack stands a sentinel. A request that was told apart is followed by its answer; one
that was refused ends the connection, so that no sentinel is answered.
"""

from tests.attacks.cases import SENTINEL, SERVER, Answers, Case, request

_HEAD = b"POST /json HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
_CHUNK = b"2\r\n{}\r\n"
_CHUNKS = _CHUNK + b"0\r\n\r\n"
_EXPECT = "Expect: 100-continue"
# What would be answered by 405 if a body were taken for a request.
_SMUGGLED = b"DELETE /where HTTP/1.1\r\nHost: x\r\n\r\n"


def _framed(name: str, rest: bytes, expected: Answers | dict[str, Answers]) -> Case:
    return Case(name, _HEAD + rest + SENTINEL, expected)


FRAMING = [
    _framed("honest", b"Content-Length: 2\r\n\r\n{}", (200, 200)),
    _framed("chunked", b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", (200, 200)),
    _framed(
        "cl-te",
        b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        {"h11": (200, 200), "httptools": SERVER},
    ),
    _framed(
        "te-cl",
        b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        {"h11": (200, 200), "httptools": SERVER},
    ),
    _framed("cl-twice", b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", SERVER),
    _framed(
        "cl-twice-alike",
        b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
        {"h11": (200, 200), "httptools": SERVER},
    ),
    _framed("cl-list", b"Content-Length: 2, 2\r\n\r\n{}", {"h11": (200, 200), "httptools": SERVER}),
    _framed("cl-plus", b"Content-Length: +2\r\n\r\n{}", SERVER),
    _framed("cl-minus", b"Content-Length: -2\r\n\r\n{}", SERVER),
    _framed("cl-hex", b"Content-Length: 0x2\r\n\r\n{}", SERVER),
    _framed("cl-words", b"Content-Length: two\r\n\r\n{}", SERVER),
    _framed("cl-empty", b"Content-Length:\r\n\r\n{}", SERVER),
    _framed("cl-huge", b"Content-Length: " + b"9" * 30 + b"\r\n\r\n{}", SERVER),
    _framed("cl-beyond", b"Content-Length: 9999999999\r\n\r\n{}", 413),
    _framed(
        "te-list",
        b"Transfer-Encoding: gzip, chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        {"h11": SERVER, "httptools": (200, 200)},
    ),
    _framed("te-identity", b"Transfer-Encoding: identity\r\nContent-Length: 2\r\n\r\n{}", SERVER),
    _framed("te-odd", b"Transfer-Encoding: xchunked\r\nContent-Length: 2\r\n\r\n{}", SERVER),
    _framed("te-tab", b"Transfer-Encoding:\tchunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", (200, 200)),
    _framed("te-case", b"Transfer-Encoding: cHuNkEd\r\n\r\n2\r\n{}\r\n0\r\n\r\n", (200, 200)),
    _framed("te-quoted", b'Transfer-Encoding: "chunked"\r\n\r\n2\r\n{}\r\n0\r\n\r\n', SERVER),
    _framed(
        "te-twice",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        SERVER,
    ),
    _framed(
        "te-vertical-tab", b"Transfer-Encoding: \x0bchunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", SERVER
    ),
    _framed(
        "te-old",
        b"Transfer-Encoding: chunked\r\nConnection: close, Transfer-Encoding\r\n\r\n" + _CHUNKS,
        200,
    ),
    _framed("space-before-colon", b"Content-Length : 2\r\n\r\n{}", SERVER),
    _framed(
        "fold",
        b"X-A: a\r\n b\r\nContent-Length: 2\r\n\r\n{}",
        {"h11": (200, 200), "httptools": SERVER},
    ),
    _framed(
        "fold-length", b"Content-Length:\r\n 2\r\n\r\n{}", {"h11": (200, 200), "httptools": SERVER}
    ),
    _framed("bare-lf", b"Content-Length: 2\n\n{}", {"h11": (200, 200), "httptools": SERVER}),
    _framed("bare-cr", b"X-A: a\rContent-Length: 2\r\n\r\n{}", SERVER),
    _framed("header-nul", b"X-A: a\0b\r\nContent-Length: 2\r\n\r\n{}", SERVER),
    _framed("header-no-colon", b"X-A\r\nContent-Length: 2\r\n\r\n{}", SERVER),
    _framed(
        "chunk-extension",
        b"Transfer-Encoding: chunked\r\n\r\n2;a=b\r\n{}\r\n0;c\r\n\r\n",
        (200, 200),
    ),
    _framed(
        "chunk-extension-lf", b"Transfer-Encoding: chunked\r\n\r\n2;a\n{}\r\n0\r\n\r\n", SERVER
    ),
    _framed("chunk-size-plus", b"Transfer-Encoding: chunked\r\n\r\n+2\r\n{}\r\n0\r\n\r\n", SERVER),
    _framed("chunk-size-hex", b"Transfer-Encoding: chunked\r\n\r\n0x2\r\n{}\r\n0\r\n\r\n", SERVER),
    _framed(
        "chunk-size-huge",
        b"Transfer-Encoding: chunked\r\n\r\n" + b"f" * 40 + b"\r\n{}\r\n0\r\n\r\n",
        SERVER,
    ),
    _framed("chunk-no-end", b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}0\r\n\r\n", SERVER),
    _framed(
        "chunk-trailers",
        b"Transfer-Encoding: chunked\r\n\r\n"
        + _CHUNK
        + b"0\r\nX-Injected: 1\r\nContent-Length: 9\r\n\r\n",
        {"h11": (200, 200), "httptools": SERVER},
    ),
    Case(
        "body-is-no-request",
        _HEAD + b"Content-Length: %d\r\n\r\n" % len(_SMUGGLED) + _SMUGGLED + SENTINEL,
        (400, 200),
    ),
    Case(
        "get-with-body",
        b"GET /where HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(_SMUGGLED)
        + _SMUGGLED
        + SENTINEL,
        (200, 200),
    ),
    Case(
        "unread-body",
        b"POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(_SMUGGLED)
        + _SMUGGLED
        + SENTINEL,
        (404, 200),
    ),
    Case(
        "unread-body-chunked",
        b"POST /nowhere HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        + b"%x\r\n" % len(_SMUGGLED)
        + _SMUGGLED
        + b"\r\n0\r\n\r\n"
        + SENTINEL,
        (404, 200),
    ),
    Case("pipelined", (b"GET /where HTTP/1.1\r\nHost: x\r\n\r\n" * 50) + SENTINEL, (200,) * 51),
    Case(
        "request-line-lf",
        b"GET /where HTTP/1.1\nHost: x\n\n" + SENTINEL,
        {"h11": (200, 200), "httptools": SERVER},
    ),
    Case(
        "request-line-spaces",
        b"GET  /where  HTTP/1.1\r\nHost: x\r\n\r\n" + SENTINEL,
        {"h11": SERVER, "httptools": (200, 200)},
    ),
    Case("version-0.9", b"GET /where\r\n\r\n" + SENTINEL, {"h11": SERVER, "httptools": 200}),
    Case("version-1.0", b"GET /where HTTP/1.0\r\n\r\n" + SENTINEL, 200),
    Case(
        "version-2",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + SENTINEL,
        {"h11": (404, SERVER), "httptools": SERVER},
    ),
    Case(
        "version-9.9",
        b"GET /where HTTP/9.9\r\nHost: x\r\n\r\n" + SENTINEL,
        {"h11": (200, 200), "httptools": SERVER},
    ),
    Case(
        "tls", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 100 + b"\r\n\r\n", SERVER
    ),
    Case("noise", bytes(range(256)) * 4 + b"\r\n\r\n", SERVER),
    Case("empty-lines", b"\r\n" * 3 + SENTINEL, {"h11": SERVER, "httptools": 200}),
    Case("unfinished-head", b"POST /json HTTP/1.1\r\nHost: x\r\nX-A", ()),
    Case("unfinished-body", _HEAD + b"Content-Length: 100\r\n\r\n{", ()),
    Case("unfinished-chunk", _HEAD + b"Transfer-Encoding: chunked\r\n\r\nff\r\n{", ()),
    Case(
        "expect",
        _HEAD + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n{}" + SENTINEL,
        (100, 200, 200),
    ),
    Case(
        "expect-odd",
        _HEAD + b"Expect: 200-ok\r\nContent-Length: 2\r\n\r\n{}" + SENTINEL,
        (200, 200),
    ),
    Case(
        "expect-refused",
        request("POST", "/json", ("Content-Type: text/html", "Content-Length: 2", _EXPECT), b""),
        415,
    ),
    Case(
        "expect-too-large",
        request(
            "POST",
            "/json",
            ("Content-Type: application/json", "Content-Length: 9999999999", _EXPECT),
            b"",
        ),
        413,
    ),
    Case(
        "expect-without-body",
        b"GET /where HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n\r\n" + SENTINEL,
        (200, 200),
    ),
]
