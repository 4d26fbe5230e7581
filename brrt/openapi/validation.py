"""From the engine's errors to violations that a person understands.

A violation says where (`in`, `name`, a JSON Pointer into the value), which keyword, and in a
sentence what was expected and what came. Of alternatives the closest one is told. The sentences
are written in `phrases`.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from brrt.errors import BrrtError
from brrt.openapi.engine_errors import SchemaError
from brrt.openapi.json_values import escape_token
from brrt.openapi.nearness import closest
from brrt.openapi.phrases import describe, shorten

# Characters of a JSON Pointer. Names in it come from the client; real ones stay under 200.
MAX_POINTER = 1_000


@dataclass(frozen=True, slots=True)
class Violation:
    """One way in which a request breaks the document.

    `location` is path, query, header, cookie or body; `name` the parameter's name (empty for a
    body); `pointer` a JSON Pointer (RFC 6901) into the value.
    """

    location: str
    name: str
    pointer: str
    message: str
    keyword: str

    def as_dict(self) -> dict[str, str]:
        """The violation as it stands in a problem document."""
        return {
            "in": self.location,
            "name": self.name,
            "pointer": self.pointer,
            "message": self.message,
            "keyword": self.keyword,
        }


class Invalid(BrrtError):
    """The request breaks the document; `violations` is all that was found."""

    def __init__(self, found: list[Violation]) -> None:
        self.violations = found
        super().__init__(found)


def violations(
    location: str, name: str, errors: Iterable[SchemaError], skip: int = 0
) -> Iterator[Violation]:
    """Violations for the engine's errors, each once.

    The first `skip` steps of each path are left out.
    """
    told: set[Violation] = set()
    for error in errors:
        for leaf in closest(error):
            path = leaf.shown[skip:]
            subject = ".".join(str(step) for step in (*([name] if name else []), *path))
            one = Violation(location, name, pointer(path), describe(leaf, subject), leaf.keyword)
            if one not in told:
                told.add(one)
                yield one


def pointer(path: Iterable[str | int]) -> str:
    """A path as a JSON Pointer (RFC 6901), cut where it is absurdly long."""
    return shorten("".join(f"/{escape_token(step)}" for step in path), MAX_POINTER)
