"""Razorpay's refusals, in its own envelope."""

from __future__ import annotations

from typing import Any

from payments.sandbox.answers import Reply


class RazorpayError(Exception):
    """Ends a call with an error envelope; everything the call did is undone."""

    def __init__(
        self,
        description: str,
        *,
        status: int = 400,
        code: str = "BAD_REQUEST_ERROR",
        field: str | None = None,
        reason: str = "input_validation_failed",
        source: str = "business",
        step: str = "payment_initiation",
    ) -> None:
        super().__init__(description)
        self.status = status
        error: dict[str, Any] = {"code": code, "description": description, "source": source, "step": step}
        error |= {"reason": reason, "metadata": {}}
        if field is not None:
            error["field"] = field
        self.body = {"error": error}

    def reply(self) -> Reply:
        """The envelope; no key ever keeps it."""
        return Reply(self.status, self.body, kept=False)


def unknown_id() -> RazorpayError:
    """Nothing has that id; Razorpay says so with 400, not 404."""
    return RazorpayError("The id provided does not exist", field="id")


def malformed_id(text: str) -> RazorpayError:
    """No id looks like that."""
    return RazorpayError(f"{text[:60]} is not a valid id", field="id")


def unauthorized() -> RazorpayError:
    """No keys, or wrong ones."""
    return RazorpayError("Authentication failed", status=401, reason="NA", source="NA", step="NA")


def unknown_url() -> RazorpayError:
    """No such method on no such path."""
    return RazorpayError("The requested URL was not found on the server.", status=404, reason="NA")


def broken() -> RazorpayError:
    """The gateway failed."""
    description = "We are facing some trouble completing your request at the moment. Please try again shortly."
    return RazorpayError(description, status=500, code="SERVER_ERROR", reason="server_error", source="internal")


def throttled() -> RazorpayError:
    """Too many calls."""
    return RazorpayError("Request failed. Please try after sometime.", status=429, reason="rate_limit_exceeded")


def extra_fields(names: list[str]) -> RazorpayError:
    """Razorpay refuses what it does not know."""
    listed = ", ".join(name[:60] for name in names)
    return RazorpayError(f"{listed} is/are not required and should not be sent", reason="extra_field_sent")
