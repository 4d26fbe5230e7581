"""brrt: an OpenAPI document and async handlers in, an ASGI app out."""

from brrt.app import App
from brrt.config import Limits, SettingError
from brrt.errors import (
    BadRequest,
    BrrtError,
    Conflict,
    Fault,
    Forbidden,
    Gone,
    LifecycleError,
    NotFound,
    Problem,
    ServiceUnavailable,
    SpecError,
    TooManyRequests,
    Unauthorized,
    UnprocessableContent,
)
from brrt.handlers import Handlers
from brrt.http.events import Event
from brrt.http.replies import Reply
from brrt.http.requests import Request
from brrt.http.uploads import UploadFile
from brrt.openapi.markers import Cookie, Form, Header, Path, Query, QueryString
from brrt.runtime.background import Background
from brrt.runtime.statistics import HandlerStatistics, Statistics, TaskStatistics

__version__ = "0.1.0"

__all__ = [
    "App",
    "Background",
    "BadRequest",
    "BrrtError",
    "Conflict",
    "Cookie",
    "Event",
    "Fault",
    "Forbidden",
    "Form",
    "Gone",
    "HandlerStatistics",
    "Handlers",
    "Header",
    "LifecycleError",
    "Limits",
    "NotFound",
    "Path",
    "Problem",
    "Query",
    "QueryString",
    "Reply",
    "Request",
    "ServiceUnavailable",
    "SettingError",
    "SpecError",
    "Statistics",
    "TaskStatistics",
    "TooManyRequests",
    "Unauthorized",
    "UnprocessableContent",
    "UploadFile",
]
