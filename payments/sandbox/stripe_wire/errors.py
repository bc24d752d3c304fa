"""Stripe's refusals, in its own envelope."""

from __future__ import annotations

from typing import Any

from payments.sandbox.answers import Reply


class StripeError(Exception):
    """Ends a call with an error envelope; everything the call did is undone."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        kind: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        kept: bool = False,
        **more: Any,
    ) -> None:
        super().__init__(message)
        given = {"code": code, "message": message, "param": param, **more}
        self.status = status
        self.kept = kept
        self.body = {"error": {"type": kind, **{name: value for name, value in given.items() if value is not None}}}

    def reply(self, request_id: str) -> Reply:
        """The envelope. Only refusals of work already begun (`kept`) are stored under an idempotency key."""
        return Reply(self.status, self.body, request_id, kept=self.kept)


def missing_param(name: str) -> StripeError:
    """A required parameter is not there."""
    return StripeError(f"Missing required param: {name}.", code="parameter_missing", param=name)


def no_such(thing: str, public_id: str, *, param: str = "id") -> StripeError:
    """Nothing has that id."""
    return StripeError(f"No such {thing}: '{public_id}'", status=404, code="resource_missing", param=param)


def unexpected_state(message: str, intent: dict[str, Any]) -> StripeError:
    """The intent's status does not allow this."""
    return StripeError(message, code="payment_intent_unexpected_state", kept=True, payment_intent=intent)


def unauthorized() -> StripeError:
    """No key, or a wrong one; never says anything about the key that was sent."""
    return StripeError("Invalid API Key provided.", status=401)


def broken() -> StripeError:
    """The gateway failed after it had begun to work; the key replays this."""
    return StripeError("An unknown error occurred. (sandbox fault)", status=500, kind="api_error", kept=True)


def throttled() -> StripeError:
    """Too many calls."""
    return StripeError("Request rate limit exceeded. (sandbox fault)", status=429, code="rate_limit")


def key_in_use(key: str) -> StripeError:
    """The first call with the key has not been answered yet."""
    return StripeError(
        f"There is currently another in-progress request using this Idempotent Key: {key}. Please try again later.",
        status=409,
        code="idempotency_key_in_use",
    )


def key_reused(key: str) -> StripeError:
    """The key belongs to a call with other parameters."""
    return StripeError(
        "Keys for idempotent requests can only be used with the same parameters they were first used with. "
        f"Try using a key other than '{key}' if you meant to execute a different request.",
        kind="idempotency_error",
    )
