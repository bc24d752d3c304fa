"""Bodies sent in chunks, without a length: Django reads no body whose length it is not told.

The server has taken the chunks apart already; what is left is to read them, up to the limit, and to say how long.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from typing import Any

type WSGIApplication = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class ChunkedBodies:
    """Lets a WSGI application see a chunked body like any other; one over the limit of its path is cut so that it is
    refused."""

    def __init__(self, application: WSGIApplication, *, limit: Callable[[str], int]) -> None:
        self._application = application
        self._limit = limit

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        chunked = environ.get("HTTP_TRANSFER_ENCODING", "").lower() == "chunked"
        if chunked and not environ.get("CONTENT_LENGTH") and environ.get("wsgi.input_terminated"):
            # One byte more than allowed is enough to be refused as too large.
            body = environ["wsgi.input"].read(self._limit(environ.get("PATH_INFO", "")) + 1)
            environ |= {"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}
        return self._application(environ, start_response)
