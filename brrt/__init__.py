"""brrt: an OpenAPI document and async handlers in, an ASGI app out."""

from brrt.app import App
from brrt.config import Limits, SettingError
from brrt.errors import (
    BadRequest,
    BrrtError,
    ClientGone,
    Conflict,
    DeliveryFailed,
    Fault,
    Forbidden,
    Gone,
    LifecycleError,
    MissingExtra,
    NotFound,
    OutgoingError,
    PayloadInvalid,
    Problem,
    ServiceUnavailable,
    SignatureInvalid,
    SpecError,
    TargetRefused,
    TooManyRequests,
    Unauthorized,
    UnprocessableContent,
    Unresolved,
)
from brrt.handlers import Handlers
from brrt.http.compression import Compression
from brrt.http.cors import CORS
from brrt.http.events import Event
from brrt.http.proxies import Proxies
from brrt.http.replies import Reply
from brrt.http.requests import Request
from brrt.http.uploads import UploadFile
from brrt.openapi.markers import Cookie, Form, Header, Path, Query, QueryString
from brrt.outbound.sender import Delivery, Sender
from brrt.outbound.settings import Outbound
from brrt.outbound.signatures import verify_webhook
from brrt.rates.settings import RateLimits
from brrt.runtime.background import Background
from brrt.runtime.statistics import HandlerStatistics, Statistics, TaskStatistics
from brrt.security.api_keys import ApiKey, BasicAuth, BasicUser
from brrt.security.claims import Claims
from brrt.security.credentials import Basic, ClientCertificate
from brrt.security.jwt import JWT, TokenStatistics
from brrt.security.key_sets import KeyStatistics
from brrt.security.mutual_tls import MutualTLS

__version__ = "0.1.0"

__all__ = [  # noqa: RUF022 - by the alphabet: a class in capitals is no constant
    "ApiKey",
    "App",
    "Background",
    "BadRequest",
    "Basic",
    "BasicAuth",
    "BasicUser",
    "BrrtError",
    "CORS",
    "Claims",
    "ClientCertificate",
    "ClientGone",
    "Compression",
    "Conflict",
    "Cookie",
    "Delivery",
    "DeliveryFailed",
    "Event",
    "Fault",
    "Forbidden",
    "Form",
    "Gone",
    "HandlerStatistics",
    "Handlers",
    "Header",
    "JWT",
    "KeyStatistics",
    "LifecycleError",
    "Limits",
    "MissingExtra",
    "MutualTLS",
    "NotFound",
    "Outbound",
    "OutgoingError",
    "Path",
    "PayloadInvalid",
    "Problem",
    "Proxies",
    "Query",
    "QueryString",
    "RateLimits",
    "Reply",
    "Request",
    "Sender",
    "ServiceUnavailable",
    "SettingError",
    "SignatureInvalid",
    "SpecError",
    "Statistics",
    "TargetRefused",
    "TaskStatistics",
    "TokenStatistics",
    "TooManyRequests",
    "Unauthorized",
    "UnprocessableContent",
    "Unresolved",
    "UploadFile",
    "verify_webhook",
]
