"""The limits: each with a name, a default, the reason for the default, and a setting.

A value given to `Limits(...)` wins over the environment (`BRRT_WORKERS=16`), which wins over
the default. The document (`x-brrt-workers`) and the decorator override single handlers.
Only frozen data lives here.
"""

import os
from collections.abc import Callable
from dataclasses import Field, dataclass, field, fields
from difflib import get_close_matches
from typing import Any, Literal, get_args

from brrt.errors import BrrtError

ENVIRONMENT_PREFIX = "BRRT_"

# One task is enough for a handler that never waits; 64 lets a handler that waits 10 ms for
# its database serve 6,400 requests a second, which is more than one process can.
WORKERS = 64
# Four times the workers: a burst of some 300 connections fits, and what would wait longer than
# four services is better told to come back (Google SRE, chapter 22, advises half the pool for
# steady traffic; we allow for bursts).
QUEUE_SIZE = 256
# At twice its capacity a handler with 8 workers and a queue of 256 answers 3 to 6 of 100 requests
# within ten services where the queue is `fifo`, and 98 where it adapts (benchmarks/overload).
QUEUE_POLICY = "adaptive"
# Seconds. gunicorn, nginx (60) and Heroku (30) give up at about this time.
TIMEOUT = 30.0
# Seconds. Kubernetes kills after 30 s by default; this leaves room for the rest of a stop.
GRACE = 20.0
# Seconds that a cancelled task may take to end before it is reported as stuck.
CANCEL_WAIT = 5.0
# Seconds that a surplus worker stays. Long enough to outlive the gaps of bursty traffic.
IDLE_TIMEOUT = 10.0
# A resting task takes about 3 KB: this many stay under 32 MB.
MAX_TASKS = 10_000
# Bytes. nginx's client_max_body_size; telling valid from not takes 20 ms at the most.
MAX_BODY = 1_048_576
# Bytes of a multipart body, files included, which are on disk beyond `spool_size`: a photograph
# or a long PDF fits. Python's own servers know no bound at all.
MAX_UPLOAD = 33_554_432
# Bytes of a file that are kept in memory; what is larger goes to disk (Starlette's value).
SPOOL_SIZE = 1_048_576
# Parts of a multipart body (Starlette's, and PHP's for files and fields together).
MAX_PARTS = 1_000
# Seconds for a multipart body to arrive: the whole of it at 1 Mbit/s.
UPLOAD_TIMEOUT = 300.0
# Bytes of path and query. RFC 9112, section 3: at least 8,000 octets are recommended.
MAX_TARGET = 8_192
# Bytes of all header names and values. h11 and nginx stop at 16 to 64 KiB.
MAX_HEADERS = 32_768
# Parameters of one query, cookies of one header, fields of one form: Django's default, and PHP's
# `max_input_vars`.
MAX_PARAMETERS = 1_000
# Levels of arrays and objects in JSON. What people send has some ten; .NET stops at 64, Jackson at
# 1,000, and the engine that checks schemas at some 200.
MAX_DEPTH = 100
# Violations listed in one problem document; more help nobody and cost memory.
MAX_ERRORS = 100
# Bytes of a problem document that lists violations: the size of nginx's largest response buffers.
MAX_PROBLEM = 65_536
# Seconds after which a request that is still running is watched for a disconnect. Most
# requests are done by then and pay nothing.
DISCONNECT_AFTER = 0.03
# Seconds that a shed client is told to wait (Retry-After).
RETRY_AFTER = 1
# Streams of one handler. One that rests takes some 15 KB: this many stay under 16 MB.
STREAMS = 1_000
# Streams of all handlers: as many as there may be workers. uvicorn has no bound on connections.
MAX_STREAMS = 10_000
# Seconds in which neither side of a stream moves: the handler gives nothing (unless it gives
# events), or the client takes, or sends, nothing. nginx's send_timeout and client_body_timeout.
STREAM_TIMEOUT = 60.0
# Seconds of silence after which a comment is sent on a stream of events (HTML, section 9.2.7).
HEARTBEAT = 15.0
# Seconds after which a stream of events is opened though nothing has come: what is raised before
# that has a status of its own. A query of a database fits, and nobody notices the wait.
OPEN_AFTER = 0.1
# Background tasks at a time. Whoever needs more, or needs them to survive, needs a job queue.
MAX_BACKGROUND = 100
# Of any setting: no timer is set for longer than three centuries, no size is beyond 10 GB.
LARGEST = 10_000_000_000


class SettingError(BrrtError, ValueError):
    """A setting has a value that it cannot have."""


QueuePolicy = Literal["adaptive", "fifo", "lifo"]


def _setting(name: str, default: float | str) -> Any:
    """A dataclass field whose default is the environment's value, or else `default`."""
    return field(default_factory=_from_environment(name, default))


def _from_environment(name: str, default: float | str) -> Callable[[], Any]:
    def read() -> Any:
        variable = ENVIRONMENT_PREFIX + name.upper()
        text = os.environ.get(variable)
        if text is None:
            return default
        kind: type[int | float | str] = type(default)
        try:
            return kind(text)
        except ValueError:
            raise SettingError(f"{variable}={text!r} is not a valid {kind.__name__}") from None

    return read


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What is bounded, and where. All times are in seconds, all sizes in bytes.

    Per handler: `workers` (tasks at the most), `queue_size` (jobs that may wait), `queue_policy`
    (`adaptive`: in the order of arrival, and few may wait where they always do; `fifo`; `lifo`: the
    newest first), `timeout` (from acceptance to answer), `max_body`, `max_upload` (of a multipart
    body; `max_body` then bounds the parts that are no files). For the app: `grace` (what was
    accepted may still take this long when its handler is replaced or the app stops), `cancel_wait`
    (after a cancellation, before a task is reported as stuck), `idle_timeout` (before a surplus
    worker ends), `max_tasks` (workers of all handlers), `max_target` (path and query),
    `max_headers`, `max_parameters` (of a query, cookies, fields of a form), `max_depth` (levels of
    JSON in a body), `spool_size` (of a file in memory; the rest goes to disk), `max_parts`,
    `upload_timeout` (for a multipart body to arrive), `max_errors` (violations in one answer),
    `max_problem` (its size), `disconnect_after` (before a running request is watched for its client
    going away), `retry_after` (what a refused client is told). Of streams: `streams` (at a time,
    per handler), `max_streams` (of all handlers), `stream_timeout` (without progress on either
    side), `heartbeat` (of silence, before a comment is sent among events), `open_after` (before a
    stream of events is opened that has given none yet). `max_background` (tasks at a time).

    Raises `SettingError` for a value out of range.
    """

    workers: int = _setting("workers", WORKERS)
    queue_size: int = _setting("queue_size", QUEUE_SIZE)
    queue_policy: QueuePolicy = _setting("queue_policy", QUEUE_POLICY)  # noqa: RUF009 - a field
    timeout: float = _setting("timeout", TIMEOUT)
    grace: float = _setting("grace", GRACE)
    cancel_wait: float = _setting("cancel_wait", CANCEL_WAIT)
    idle_timeout: float = _setting("idle_timeout", IDLE_TIMEOUT)
    max_tasks: int = _setting("max_tasks", MAX_TASKS)
    max_body: int = _setting("max_body", MAX_BODY)
    max_upload: int = _setting("max_upload", MAX_UPLOAD)
    spool_size: int = _setting("spool_size", SPOOL_SIZE)
    max_parts: int = _setting("max_parts", MAX_PARTS)
    upload_timeout: float = _setting("upload_timeout", UPLOAD_TIMEOUT)
    max_target: int = _setting("max_target", MAX_TARGET)
    max_headers: int = _setting("max_headers", MAX_HEADERS)
    max_parameters: int = _setting("max_parameters", MAX_PARAMETERS)
    max_depth: int = _setting("max_depth", MAX_DEPTH)
    max_errors: int = _setting("max_errors", MAX_ERRORS)
    max_problem: int = _setting("max_problem", MAX_PROBLEM)
    disconnect_after: float = _setting("disconnect_after", DISCONNECT_AFTER)
    retry_after: int = _setting("retry_after", RETRY_AFTER)
    streams: int = _setting("streams", STREAMS)
    max_streams: int = _setting("max_streams", MAX_STREAMS)
    stream_timeout: float = _setting("stream_timeout", STREAM_TIMEOUT)
    heartbeat: float = _setting("heartbeat", HEARTBEAT)
    open_after: float = _setting("open_after", OPEN_AFTER)
    max_background: int = _setting("max_background", MAX_BACKGROUND)

    def __post_init__(self) -> None:
        _check_policy(self.queue_policy)
        for spec in fields(self):
            if spec.type is not QueuePolicy:
                _check_number(spec, getattr(self, spec.name))


def _check_number(spec: "Field[Any]", value: Any) -> None:
    least = 0 if spec.name in _MAY_BE_ZERO else None
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise SettingError(f"{spec.name} must be a number, got {value!r}")
    if spec.type is int and not isinstance(value, int):
        raise SettingError(f"{spec.name} must be a whole number, got {value!r}")
    if not (value > 0 or value == least) or value > LARGEST:
        bound = "0 or more" if least == 0 else "more than 0"
        raise SettingError(f"{spec.name} must be {bound} and at most {LARGEST:,}, got {value!r}")


def _check_policy(value: Any) -> None:
    known = get_args(QueuePolicy)
    if value not in known:
        near = get_close_matches(str(value).lower(), known, n=1)
        cure = f"did you mean {near[0]!r}?" if near else f"it is one of {', '.join(known)}"
        raise SettingError(f"queue_policy cannot be {value!r}; {cure}")


_MAY_BE_ZERO = frozenset({"grace", "cancel_wait", "max_body", "disconnect_after", "open_after"})

# What a document (x-brrt-…) or a decorator may set for a single handler.
PER_HANDLER = (
    "workers",
    "queue_size",
    "queue_policy",
    "timeout",
    "max_body",
    "max_upload",
    "streams",
)
