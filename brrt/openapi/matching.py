"""Whether a name of a document matches a pattern of it, outside of any schema.

The engine matches, and not Python: its patterns are those of ECMA-262, and none takes for ever.
"""

from functools import lru_cache

import jsonschema_rs

from brrt.openapi.patterns import to_engine

# Patterns of which it is remembered whether they are any: more than large documents have, and a
# bound for a service whose document is replaced again and again.
MAX_PATTERNS = 1024


@lru_cache(maxsize=MAX_PATTERNS)
def compiles(pattern: str) -> bool:
    """Whether a text is a pattern."""
    return _engine(pattern) is not None


def matches(pattern: str, name: str) -> bool:
    """Whether a name matches; what is no pattern is taken to match."""
    engine = _engine(pattern)
    return engine is None or engine.is_valid(name)


def _engine(pattern: str) -> jsonschema_rs.Draft202012Validator | None:
    try:
        return jsonschema_rs.Draft202012Validator({"pattern": to_engine(pattern)}, offline=True)
    except ValueError:
        return None
