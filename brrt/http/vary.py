"""The Vary header (RFC 9110, section 12.5.5): what an answer depends on, told to caches."""

from collections.abc import Iterable

from brrt.http.answers import Headers

VARY = b"vary"


def with_vary(headers: Iterable[tuple[bytes, bytes]], names: tuple[bytes, ...]) -> Headers:
    """The same headers with one Vary, which names each once, these too; `*` says it all already."""
    kept: Headers = []
    there: dict[bytes, bytes] = {}
    for pair in headers:
        if pair[0] == VARY:
            for one in pair[1].split(b","):
                there.setdefault(one.strip().lower(), one.strip())
        else:
            kept.append(pair)
    there.pop(b"", None)
    if b"*" in there:
        return [*kept, (VARY, b"*")]
    for one in names:
        there.setdefault(one.lower(), one)
    if there:
        kept.append((VARY, b", ".join(there.values())))
    return kept
