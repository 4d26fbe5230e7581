"""Heads: injected, doubled, forged and oversized headers, methods, hosts, credentials, ranges."""

from base64 import b64encode

from tests.attacks.cases import SERVER, Case, ask, send

JSON = "application/json"
_CRLF = "%0d%0aX-Injected:%201"
INJECTIONS = {
    "crlf": _CRLF,
    "lf": "%0aX-Injected:%201",
    "cr": "%0dX-Injected:%201",
    "double": "%250d%250aX-Injected:%201",
    "split": f"a{_CRLF}%0d%0a%0d%0a<script>",
    "unicode": "%e5%98%8d%e5%98%8aX-Injected:%201",
    "line-separator": "%e2%80%a8X-Injected:%201",
    "next-line": "%c2%85X-Injected:%201",
    "nul": "a%00b",
    "vertical-tab": "a%0bb%0cc",
    "quote": "a%22;%20filename=%22evil.exe",
    "cookie": "a;%20Domain=evil;%20HttpOnly",
    "surrogate": "%ed%a0%80",
}
# What Latin-1 has no bytes for cannot stand in a header as it is.
_FORGED = {"crlf", "lf", "cr", "split", "nul", "vertical-tab", "unicode", "line-separator"}


def _reflected(place: str, parameter: str, usual: int) -> list[Case]:
    return [
        Case(
            f"inject-{place}-{name}",
            ask(f"/{place}?{parameter}={text}"),
            400 if name == "surrogate" else usual,
        )
        for name, text in INJECTIONS.items()
    ]


def _careless(place: str) -> list[Case]:
    """What a careless handler would forge is a 500 that tells nothing: the only ones there are."""
    return [
        Case(
            f"inject-{place}-{name}",
            ask(f"/{place}?value={text}"),
            500 if name in _FORGED else 400 if name == "surrogate" else 200,
        )
        for name, text in INJECTIONS.items()
    ]


INJECTED = [
    *_reflected("redirect", "to", 303),
    *_reflected("attachment", "name", 200),
    *_reflected("cookie", "value", 200),
    *_careless("careless"),
    *_careless("careless-response"),
    Case("inject-redirect-elsewhere", ask("/redirect?to=//evil"), 303),
    Case("inject-events", ask("/events?q=a%0a%0adata:%20forged%0aid:%209"), 200, (b"\nid: 9",)),
    Case("inject-events-cr", ask("/events?q=a%0d%0ddata:%20forged%0did:%209"), 200, (b"\rid: 9",)),
    Case(
        "inject-request-id",
        ask("/fail/x", "X-Request-ID: a b\x1b[31m"),
        {"h11": 500, "httptools": SERVER},
    ),
    Case("inject-request-id-long", ask("/fail/x", "X-Request-ID: " + "a" * 300), 500, (b"aaaaa",)),
    Case("inject-log", ask("/fail/a%0d%0aINJECTED%1b[31m"), 500),
    Case("inject-log-missing", ask("/nowhere/a%0d%0aINJECTED%1b[31m"), 404),
    Case("inject-log-name", ask("/search?%0d%0aINJECTED=%1b[31m&n=%0aINJECTED"), 400),
]
HEADERS = [
    Case("types-two", send("/json", JSON, "{}", "Content-Type: text/plain"), 415),
    Case("types-two-alike", send("/json", JSON, "{}", "Content-Type: application/json"), 415),
    Case("type-list", send("/json", "application/json, text/plain", "{}"), 415),
    Case("type-none", ask("/json", "Content-Length: 2", method="POST") + b"{}", 415),
    Case("type-empty", send("/json", "", "{}"), 415),
    Case("type-odd", send("/json", "application/json;;;=;charset", "{}"), 200),
    Case("type-long", send("/json", JSON + ";a=" + "b" * 8_000, "{}"), 200),
    Case("type-parameters", send("/json", JSON + ";a=b" * 2_000, "{}"), 200),
    Case("type-quotes", send("/json", JSON + ';a="' * 2_000, "{}"), 200),
    Case("type-backslashes", send("/json", JSON + ';a="' + "\\" * 8_000, "{}"), 200),
    Case("type-sniffed", send("/json", "text/html", '{"a":1}'), 415),
    Case("accept-long", ask("/where", "Accept: " + "a/b," * 2_000), 200),
    Case("accept-quotes", ask("/where", 'Accept: a/b;x="' * 60), 406),
    Case("accept-weights", ask("/where", "Accept: */*;q=1e9999"), 200),
    Case("accept-nothing", ask("/where", "Accept: */*;q=0"), 406),
    Case("authorizations-two", ask("/bearer", *["Authorization: Bearer t0ken"] * 2), 401),
    Case(
        "authorizations-second",
        ask("/bearer", "Authorization: Basic x", "Authorization: Bearer t0ken"),
        401,
    ),
    Case("authorization-comma", ask("/bearer", "Authorization: Bearer t0ken, Bearer x"), 401),
    Case("authorization-case", ask("/bearer", "authorization: bEARER t0ken"), 200),
    Case("authorization-no-space", ask("/bearer", "Authorization: Bearert0ken"), 401),
    Case("authorization-empty", ask("/bearer", "Authorization: Bearer "), 401),
    Case("authorization-latin", ask("/bearer", "Authorization: Bearer \xff\xfe"), 401),
    Case("authorization-other", ask("/bearer", "Authorization: Basic t0ken"), 401),
    Case("authorization-none", ask("/bearer", "X-Authorization: Bearer t0ken"), 401),
    Case("authorization-query", ask("/bearer?access_token=t0ken"), 401),
    Case("authorization-method", ask("/bearer", method="HEAD"), 401),
    Case(
        "basic-no-colon", ask("/basic", "Authorization: Basic " + b64encode(b"ada").decode()), 401
    ),
    Case("basic-no-base64", ask("/basic", "Authorization: Basic %%%"), 401),
    Case(
        "basic-bytes",
        ask("/basic", "Authorization: Basic " + b64encode(b"\xff:\xff").decode()),
        401,
    ),
    Case(
        "basic-nul",
        ask("/basic", "Authorization: Basic " + b64encode(b"ada\0:t0ken").decode()),
        401,
    ),
    Case("key-twice", ask("/key?key=t0ken&key=x"), 401),
    Case("key-empty", ask("/key?key="), 401),
    Case("key-array", ask("/key?key[]=t0ken"), 401),
    Case("key-header", ask("/key", "key: t0ken"), 401),
    Case("hosts-two", ask("/where", "Host: evil"), {"h11": SERVER, "httptools": 200}, (b"evil",)),
    Case("host-evil", ask("/where", "X-Forwarded-Host: evil", "X-Host: evil"), 200, (b"evil",)),
    Case("host-redirects-nowhere", ask("/where/", "X-Forwarded-Host: evil"), 404, (b"evil",)),
    Case("host-empty", b"GET /where HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n", 200),
    Case(
        "host-odd",
        b"GET /where HTTP/1.1\r\nHost: a/../b?@c:x\r\nConnection: close\r\n\r\n",
        200,
        (b"@c",),
    ),
    Case(
        "host-none",
        b"GET /where HTTP/1.1\r\nConnection: close\r\n\r\n",
        {"h11": SERVER, "httptools": 200},
    ),
    Case(
        "forwarded-for",
        ask("/where", "X-Forwarded-For: 6.6.6.6", "X-Forwarded-Proto: https"),
        200,
        (b"6.6.6.6", b"https"),
        (b"127.0.0.1",),
    ),
    Case(
        "forwarded",
        ask("/where", "Forwarded: for=6.6.6.6;proto=https", "X-Real-IP: 6.6.6.6"),
        200,
        (b"6.6.6.6", b"https"),
    ),
    Case(
        "forwarded-prefix",
        ask(
            "/where",
            "X-Forwarded-Prefix: /evil",
            "X-Original-URL: /bearer",
            "X-Rewrite-URL: /bearer",
        ),
        200,
    ),
    Case(
        "override",
        send("/json", JSON, "{}", "X-HTTP-Method-Override: DELETE", "X-Method-Override: PUT"),
        200,
    ),
    Case("override-get", ask("/json", "X-HTTP-Method-Override: POST"), 405),
    Case("method-head", ask("/where", method="HEAD"), 200),
    Case("method-options", ask("/where", method="OPTIONS"), 204, present=(b"GET, HEAD, OPTIONS",)),
    Case(
        "method-trace", ask("/where", "Cookie: session=s3cret", method="TRACE"), 405, (b"s3cret",)
    ),
    Case("method-connect", ask("/where", method="CONNECT"), 405),
    Case("method-unknown", ask("/where", method="HACK"), {"h11": 405, "httptools": SERVER}),
    Case("method-lower", ask("/where", method="get"), {"h11": 405, "httptools": SERVER}),
    Case("method-long", ask("/where", method="A" * 5_000), {"h11": 405, "httptools": SERVER}),
    Case("method-webdav", ask("/where", method="PROPFIND"), 405),
    Case("headers-large", ask("/where", *[f"X-{n}: {'a' * 1_000}" for n in range(40)]), 431),
    Case("headers-many", ask("/where", *[f"X-{n}: a" for n in range(5_000)]), 431),
    Case("header-large", ask("/where", "X-A: " + "a" * 40_000), 431),
    Case("header-huge", ask("/where", "X-A: " + "a" * 200_000), {"h11": SERVER, "httptools": 431}),
    Case("header-name-long", ask("/where", "a" * 30_000 + ": 1"), 200),
    Case("header-empty-names", ask("/where", *[": a"] * 3), SERVER),
    Case("cookies-many", ask("/search", "Cookie: " + "a=b;" * 1_500), 400, present=(b"1000",)),
    Case("cookies-lines", ask("/search", *["Cookie: session=a"] * 3), 400),
    Case("cookie-large", ask("/search", "Cookie: session=" + "a" * 30_000), 200),
    Case("cookie-prototype", ask("/search", "Cookie: __proto__=1; __class__=2"), 200),
    Case("cookie-equals", ask("/search", "Cookie: ====;;;;=;session==a"), 200),
    Case("cookie-quotes", ask("/search", 'Cookie: session="a;b\\"c"'), 200),
    Case("note-latin", ask("/search", b"X-Note: \xff\xfe"), 200),
    Case("note-escape", ask("/search", "X-Note: \x1b[31m"), {"h11": 200, "httptools": SERVER}),
    Case("last-event-id", ask("/events", "Last-Event-ID: " + "9" * 20_000), 200),
    Case("last-event-id-odd", ask("/events", b"Last-Event-ID: \xff\x80: data: x"), 200),
    Case(
        "upgrade", ask("/where", "Upgrade: h2c", "Connection: Upgrade", "HTTP2-Settings: AAA"), 200
    ),
    Case(
        "upgrade-websocket",
        ask(
            "/where",
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Key: x",
            "Sec-WebSocket-Version: 13",
        ),
        400,
    ),
    Case(
        "range-many",
        ask("/open/large.bin", "Range: bytes=" + ",".join(f"{n}-{n}" for n in range(2_000))),
        200,
    ),
    Case(
        "range-overlapping",
        ask("/open/large.bin", "Range: bytes=" + ",".join(["0-9999"] * 500)),
        200,
    ),
    Case("range-huge", ask("/open/large.bin", "Range: bytes=0-" + "9" * 5_000), 400),
    Case("range-beyond", ask("/open/large.bin", "Range: bytes=" + "9" * 30 + "-"), 416),
    Case("range-backwards", ask("/open/large.bin", "Range: bytes=9-1"), 400),
    Case("range-negative", ask("/open/large.bin", "Range: bytes=--1"), 416),
    Case("range-suffix", ask("/open/large.bin", "Range: bytes=-99999999"), 206),
    Case("range-unit", ask("/open/large.bin", "Range: lines=1-2"), 400),
    Case("range-digits", ask("/open/large.bin", "Range: bytes=" + "1" * 20_000), 400),
    Case("range-commas", ask("/open/large.bin", "Range: bytes=" + "," * 20_000), 200),
    Case(
        "if-range-odd", ask("/open/large.bin", "Range: bytes=0-1", 'If-Range: "' + "x" * 5_000), 200
    ),
    Case("if-none-match", ask("/open/large.bin", "If-None-Match: " + '"x",' * 5_000), 200),
    Case(
        "if-modified-odd",
        ask("/open/large.bin", "If-Modified-Since: Thu, 99 Foo 99999 99:99:99 GMT"),
        200,
    ),
]
