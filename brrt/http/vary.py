"""The Vary header (RFC 9110, section 12.5.5): what an answer depends on, told to caches."""

from collections.abc import Iterable

from brrt.http.answers import Headers

VARY = b"vary"


def with_vary(headers: Iterable[tuple[bytes, bytes]], names: tuple[bytes, ...]) -> Headers:
    """The same headers with one Vary, which also has these names; `*` says it all already."""
    kept: Headers = []
    there: list[bytes] = []
    for pair in headers:
        if pair[0] == VARY:
            there += [one.strip() for one in pair[1].split(b",") if one.strip()]
        else:
            kept.append(pair)
    if b"*" not in there:
        known = {one.lower() for one in there}
        there += [one for one in names if one.lower() not in known]
    if there:
        kept.append((VARY, b", ".join(there)))
    return kept
