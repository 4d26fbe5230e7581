"""Files as answers: Starlette's `FileResponse`, and what it leaves to its callers.

Ranges and ETags are its own affair; whether a client has the file already (RFC 9110, section 13)
is asked here, the way Starlette's static files do it.
"""

import os
import stat
from collections.abc import Mapping
from typing import Any

import anyio.to_thread
from starlette.datastructures import Headers
from starlette.responses import FileResponse
from starlette.staticfiles import NotModifiedResponse, StaticFiles

from brrt.http.answers import ResponseApp

_ASK = StaticFiles(check_dir=False).is_not_modified


async def conditional(response: ResponseApp, scope: Mapping[str, Any]) -> ResponseApp:
    """The response, or 304 for a file that the client has already.

    That a file is not there, or is none, is Starlette's to tell.
    """
    if not isinstance(response, FileResponse) or response.status_code != 200:
        return response
    if scope["method"] not in ("GET", "HEAD"):
        return response
    if response.stat_result is None:
        try:
            found = await anyio.to_thread.run_sync(os.stat, response.path)
        except OSError:
            return response
        if not stat.S_ISREG(found.st_mode):
            return response
        response.stat_result = found
        response.set_stat_headers(found)
    if _ASK(response.headers, Headers(raw=scope["headers"])):
        answer = NotModifiedResponse(response.headers)
        answer.background = response.background  # what it does, it does whatever is sent
        return answer
    return response
