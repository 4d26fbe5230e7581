"""Targets: traversal in every encoding, forms of targets, and what stands in paths and queries."""

from tests.attacks.cases import SERVER, Case, ask

# The file beside the folder, by every name that somebody once believed in.
CLIMBS = {
    "plain": "../secret.txt",
    "dots": "%2e%2e/secret.txt",
    "slash": "..%2fsecret.txt",
    "all": "%2e%2e%2fsecret.txt",
    "twice": "%252e%252e%252fsecret.txt",
    "backslash": "..%5csecret.txt",
    "raw-backslash": "..\\secret.txt",
    "overlong-dots": "%c0%ae%c0%ae%2fsecret.txt",
    "overlong-slash": "..%c0%afsecret.txt",
    "overlong-three": "..%e0%80%afsecret.txt",
    "full-width": "%ef%bc%8e%ef%bc%8e%ef%bc%8fsecret.txt",
    "four-dots": "....//secret.txt",
    "semicolon": "..;/secret.txt",
    "nul": "page.txt%00/../secret.txt",
    "nul-end": "..%2fsecret.txt%00.txt",
    "deep": "%2e%2e%2f" * 20 + "etc%2fpasswd",
    "absolute": "%2fetc%2fpasswd",
    "absolute-raw": "/etc/passwd",
    "home": "~root%2f.profile",
    "drive": "c:%5cwindows%5cwin.ini",
    "unc": "%5c%5chost%5cshare",
    "url": "file:%2f%2f%2fetc%2fpasswd",
    "proc": "..%2f..%2f..%2f..%2fproc%2fself%2fenviron",
    "inside-and-out": "x%2f..%2f..%2fsecret.txt",
    "percent-u": "%u002e%u002e%u2215secret.txt",
    "broken-escape": "%2%2e%2esecret.txt",
    "utf-7": "+AC4ALgAv-secret.txt",
    "dot": ".",
    "dot-dot": "%2e%2e",
}
# Those that hold a slash as it is meet no template; bytes that are not UTF-8 are told so.
_SPLIT = {"plain", "dots", "four-dots", "semicolon", "absolute-raw", "nul"}
_NO_UTF8 = {"overlong-dots", "overlong-slash", "overlong-three"}


def _climb(place: str, name: str, target: str, otherwise: int) -> Case:
    status = 404 if name in _SPLIT else 400 if name in _NO_UTF8 else otherwise
    raw = ask(f"/{place}/{target}")
    if name == "raw-backslash":
        return Case(f"climb-{place}-{name}", raw, status)
    return Case(f"climb-{place}-{name}", raw, status)


PATHS = [
    *(_climb("files", name, target, 400) for name, target in CLIMBS.items()),
    *(_climb("open", name, target, 404) for name, target in CLIMBS.items()),
    Case("files-honest", ask("/files/page.txt"), 200, present=(b"a page",)),
    Case("open-honest", ask("/open/page.txt"), 200, present=(b"a page",)),
    Case("open-escaped", ask("/open/p%61ge.txt"), 200, present=(b"a page",)),
    Case("absolute-form", ask("http://evil/files/page.txt"), 200, present=(b"a page",)),
    Case("absolute-form-climbs", ask("http://evil/files/../secret.txt"), 404),
    Case("absolute-form-no-path", ask("http://evil"), {"h11": 404, "httptools": SERVER}),
    Case("absolute-form-user", ask("http://a:b@evil/open/..%2fsecret.txt"), 404),
    Case(
        "absolute-form-odd-scheme", ask("file:///open/page.txt"), {"h11": 200, "httptools": SERVER}
    ),
    Case("double-slash", ask("//files/page.txt"), 404),
    Case("double-slash-inside", ask("/files//page.txt"), 404),
    Case("slash-behind", ask("/files/page.txt/"), 404),
    Case("dot-segment", ask("/./files/page.txt"), 404),
    Case("encoded-slash-is-data", ask("/pair/a%2fb/c"), 200, present=(b'["a/b","c"]',)),
    Case("encoded-twice-is-once", ask("/pair/a%252fb/c"), 200, present=(b'["a%2fb","c"]',)),
    Case("encoded-dots-are-data", ask("/pair/%2e%2e/c"), 200, present=(b'["..","c"]',)),
    Case("encoded-slash-splits-nothing", ask("/pair%2fa/b"), 404),
    Case("encoded-question-mark", ask("/pair/a%3fb=1/c"), 200, present=(b'["a?b=1","c"]',)),
    Case("nul-is-data", ask("/pair/a%00b/c"), 200, present=(b'["a\\u0000b","c"]',)),
    Case("newline-is-data", ask("/pair/a%0d%0aX-Injected:%201/c"), 200),
    Case("surrogate", ask("/pair/%ed%a0%80/c"), 400),
    Case("beyond-unicode", ask("/pair/%f5%80%80%80/c"), 400),
    Case("byte-order-mark", ask("/pair/%ef%bb%bfa/c"), 200),
    Case("right-to-left", ask("/pair/%e2%80%aetxt.exe/c"), 200),
    Case("broken-escape", ask("/pair/%zz/%"), 200, present=(b'["%zz","%"]',)),
    Case("template", ask("/pair/%7b%7b91*91%7d%7d/c"), 200, (b"8281",), (b'["{{91*91}}","c"]',)),
    Case("expression", ask("/pair/$%7b91*91%7d/c"), 200, (b"8281",)),
    Case("sql", ask("/pair/1'%20OR%20'1'='1/c"), 200, present=(b"1' OR '1'='1",)),
    Case("format", ask("/pair/%25s%25n%7b0.__class__%7d/c"), 200, (b"<class",)),
    Case("variable-empty", ask("/pair//c"), 404),
    Case("host-beside-path", ask("@evil/files/page.txt"), {"h11": 404, "httptools": SERVER}),
    Case("fragment", ask("/pair/a/b#/../../c"), {"h11": 404, "httptools": 200}),
    Case("raw-space", ask("/pair/a b/c"), SERVER),
    Case("raw-tab", ask("/pair/a\tb/c"), SERVER),
    Case("raw-nul", ask("/pair/a\0b/c"), SERVER),
    Case("raw-escape", ask("/pair/a\x1b[31mb/c"), SERVER),
    Case("raw-bytes", ask(b"/pair/\xff\xfe/c"), SERVER),
    Case("raw-utf-8", ask("/pair/é/c".encode()), SERVER),
    Case("asterisk", ask("*", method="OPTIONS"), 404),
    Case("authority-form", ask("evil:443", method="CONNECT"), {"h11": 404, "httptools": SERVER}),
    Case("target-too-long", ask("/pair/" + "a" * 9_000 + "/c"), 414),
    Case("query-too-long", ask("/search?q=" + "a" * 9_000), 414),
    Case("segments", ask("/pair" + "/a" * 4_000), 404),
    Case("escapes", ask("/pair/" + "%41" * 2_700 + "/c"), 200),
    Case("question-marks", ask("/pair/a/b" + "?" * 8_000), 200),
]
QUERIES = [
    Case("pairs", ask("/search?" + "a&" * 1_500), 400, present=(b"1000",)),
    Case("same-name", ask("/search?q=1&q=2"), 400),
    Case("many-flags", ask("/search?" + "flags=1&" * 900), 200),
    Case("semicolons", ask("/search?q=a;n=1"), 200, present=(b'"a;n=1"',)),
    Case("brackets-deep", ask("/search?filter" + "[a]" * 40 + "=1"), 400),
    Case("brackets-open", ask("/search?filter" + "[" * 4_000 + "=1"), 200),
    Case("brackets-prototype", ask("/search?filter[__proto__][admin]=1"), 200),
    Case("brackets-class", ask("/search?filter[__class__][__init__]=1&filter[constructor]=2"), 200),
    Case("integer-huge", ask("/search?n=" + "9" * 5_000), 400),
    Case("integer-long", ask("/search?n=" + "9" * 600), 200),
    Case("integer-minus-zero", ask("/search?n=-0"), 200),
    Case("integer-underscore", ask("/search?n=1_0"), 400),
    Case("integer-other-digits", ask("/search?n=%d9%a1"), 400),
    Case("number-infinite", ask("/search?x=1e400"), 400),
    Case("number-nan", ask("/search?x=NaN"), 400),
    Case("number-infinity", ask("/search?x=Infinity"), 400),
    Case("number-exponent", ask("/search?x=1e99999999999999999999"), 400),
    Case("number-tiny", ask("/search?x=1e-400"), 200),
    Case("number-multiple", ask("/search?x=1e308"), 200),
    Case("json-deep", ask("/search?j=" + "[" * 4_000), 400),
    Case("json-deep-closed", ask("/search?j=" + "[" * 2_000 + "]" * 2_000), 400),
    Case("json-nan", ask("/search?j=NaN"), 400),
    Case("json-surrogate", ask('/search?j="%5cud800"'.replace('"', "%22")), 400),
    Case("json-prototype", ask("/search?j=%7b%22__proto__%22:%7b%22a%22:1%7d%7d"), 200),
    Case("text-nul", ask("/search?q=a%00b"), 200, present=(b"a\\u0000b",)),
    Case("text-no-utf-8", ask("/search?q=%ff"), 400),
    Case("name-no-utf-8", ask("/search?%ff=1"), 400),
    Case("text-twice-encoded", ask("/search?q=%2525"), 200, present=(b'"%25"',)),
    Case("text-sql", ask("/search?q=1;DROP%20TABLE%20pets--"), 200),
    Case("text-shell", ask("/search?q=$(reboot)%60id%60|cat"), 200),
    Case("text-script", ask("/search?q=<script>alert(1)</script>".replace("<", "%3c")), 200),
    Case("method-override-query", ask("/search?_method=DELETE&q=a"), 200),
]
