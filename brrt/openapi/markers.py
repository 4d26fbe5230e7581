"""What a handler writes to say where a value stands: `Annotated[str, Header("X-Id")]`.

Names alone say it for nearly all; a marker is for a name that stands in two places, or for one
that Python cannot write.
"""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Source:
    """Where a value stands, for names in two places: `Annotated[str, Header("X-Id")]`."""

    name: str
    location: ClassVar[str] = ""


class Path(Source):
    """A path parameter by its name in the document."""

    location = "path"


class Query(Source):
    """A query parameter by its name in the document."""

    location = "query"


class QueryString(Source):
    """The parameter that is the whole query (3.2, `in: querystring`), by its name."""

    location = "querystring"


class Header(Source):
    """A header by its name in the document."""

    location = "header"


class Cookie(Source):
    """A cookie by its name in the document."""

    location = "cookie"


class Form(Source):
    """A member of a form by its name in the document."""

    location = "form"
