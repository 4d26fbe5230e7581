"""Whether a name of a document matches a pattern of it, outside of any schema.

The engine matches, and not Python: its patterns are those of ECMA-262, and none takes for ever.
"""

from functools import lru_cache

import jsonschema_rs

from brrt.openapi.patterns import to_engine

# Patterns that stay compiled: more than the models of a service have, and a bound for one whose
# document is replaced again and again.
MAX_MATCHERS = 256


def matches(pattern: str, name: str) -> bool:
    """Whether it does; what is no pattern is taken to match."""
    engine = _engine(pattern)
    return engine is None or engine.is_valid(name)


@lru_cache(maxsize=MAX_MATCHERS)
def _engine(pattern: str) -> jsonschema_rs.Draft202012Validator | None:
    try:
        return jsonschema_rs.Draft202012Validator({"pattern": to_engine(pattern)}, offline=True)
    except ValueError:
        return None
