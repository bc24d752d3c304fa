"""Breaks calls on demand, in the ways in which real gateways and networks break.

A fault is used up by exactly the calls it strikes, however many come at once: taking one is a single statement that
locks its row.
"""

from __future__ import annotations

import errno
import socket
import struct
import time
from collections.abc import Callable, Iterator

from django.conf import settings
from django.db import connections
from django.db.models import TextChoices
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse

from payments.sandbox.models import ArmedFault

ANY_CALL = "*"


class Call(TextChoices):
    """The calls that a fault can be meant for by name; every other call is struck only by one for any call."""

    CREATE = "create"
    RETRIEVE = "retrieve"
    CAPTURE = "capture"
    REFUND = "refund"


class Fault(TextChoices):
    """What goes wrong."""

    # Nothing happens, and no answer comes before the client gives up.
    TIMEOUT_BEFORE = "timeout_before"
    # It happens, and no answer comes before the client gives up.
    TIMEOUT_AFTER = "timeout_after"
    # The gateway's own error envelope, without effect.
    ERROR_500 = "error_500"
    # A proxy before the gateway answers with a page.
    HTML_502 = "html_502"
    RATE_LIMIT = "rate_limit"
    # The connection is closed without an answer.
    RESET = "reset"


def arm(gateway: str, call: str, fault: Fault, times: int) -> None:
    """The next `times` matching calls are struck, after those that earlier faults wait for."""
    ArmedFault.objects.create(gateway=gateway, call=call, fault=fault, remaining=times)


def disarm(gateway: str, call: str) -> None:
    """Nothing waits for that call any more; with ANY_CALL, for no call of the gateway."""
    armed = ArmedFault.objects.filter(gateway=gateway)
    (armed if call == ANY_CALL else armed.filter(call=call)).delete()


def take(gateway: str, call: str) -> Fault | None:
    """The fault that strikes this call, oldest first; it is used up by this."""
    with connections["sandbox"].cursor() as cursor:
        cursor.execute(
            "UPDATE sandbox_armedfault SET remaining = remaining - 1 WHERE seq = (SELECT seq FROM sandbox_armedfault"
            " WHERE gateway = %s AND call IN (%s, %s) AND remaining > 0 ORDER BY seq LIMIT 1 FOR UPDATE)"
            " RETURNING fault",
            [gateway, call, ANY_CALL],
        )
        row = cursor.fetchone()
    return Fault(row[0]) if row else None


def pass_through(
    request: HttpRequest,
    fault: Fault | None,
    *,
    answer: Callable[[], HttpResponseBase],
    throttled: Callable[[], HttpResponseBase],
) -> HttpResponseBase:
    """The answer as it leaves a gateway under that fault. ERROR_500 is for `answer` to make: it knows the envelope."""
    match fault:
        case Fault.TIMEOUT_BEFORE:
            return _silence(request)
        case Fault.TIMEOUT_AFTER:
            answer()
            return _silence(request)
        case Fault.RESET:
            return hang_up(request)
        case Fault.HTML_502:
            return HttpResponse("<html><body><h1>502 Bad Gateway</h1></body></html>", status=502)
        case Fault.RATE_LIMIT:
            return throttled()
        case _:
            return answer()


def hang_up(request: HttpRequest) -> StreamingHttpResponse:
    """A response that closes the connection instead of answering."""
    return StreamingHttpResponse(_Closing(request.META.get("gunicorn.socket")))


def _silence(request: HttpRequest) -> StreamingHttpResponse:
    time.sleep(settings.GATEWAY_READ_TIMEOUT_S + 2)
    return hang_up(request)


class _Closing:
    """A body that fails before its first byte, when no header was sent either.

    WSGI servers take that for a client that went away, and close the connection without a word.
    """

    def __init__(self, connection: socket.socket | None) -> None:
        self._connection = connection

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if self._connection is not None:
            # Linger of zero seconds: the peer gets a reset, not an orderly end.
            self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise ConnectionResetError(errno.ECONNRESET, "a sandbox fault closed the connection")
