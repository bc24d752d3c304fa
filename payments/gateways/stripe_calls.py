"""One call of Stripe's SDK, and what its errors mean for whoever must act."""

from __future__ import annotations

from collections.abc import Callable

import stripe as sdk

from payments.gateways.base import (
    Declined,
    GatewayError,
    NotKnown,
    OutcomeUnknown,
    Reason,
    Rejected,
    Unavailable,
)


class UnexpectedState(Rejected):
    """The object is past what was asked of it."""


class Repeated(OutcomeUnknown):
    """An error that an earlier call with the same key had; that call is over."""


def call[Result](act: Callable[[], Result]) -> Result:
    """Do one call and sort what went wrong by who must act. Stripe's own texts stay out of the reason: they can quote
    keys."""
    try:
        return act()
    except sdk.CardError:
        raise Declined(Reason.DECLINED) from None
    except sdk.RateLimitError:
        raise Unavailable(Reason.BUSY) from None
    except sdk.APIConnectionError:
        raise OutcomeUnknown(Reason.NO_ANSWER) from None
    except (sdk.InvalidRequestError, sdk.AuthenticationError, sdk.PermissionError, sdk.IdempotencyError) as error:
        if error.http_status == 409:
            raise OutcomeUnknown(Reason.STILL_WORKING) from None
        if error.http_status == 404 or error.code == "resource_missing":
            raise NotKnown(Reason.NOT_KNOWN) from None
        if error.code in {"payment_intent_unexpected_state", "charge_already_captured"}:
            raise UnexpectedState(Reason.OTHER_STATE) from None
        if error.code == "amount_too_small":
            raise Rejected(Reason.AMOUNT_TOO_SMALL) from None
        raise Rejected(Reason.REFUSED) from None
    except sdk.StripeError as error:
        first = error.headers.get("original-request") if error.headers else None
        if first is not None and first != error.request_id:
            raise Repeated(Reason.HAD_ERROR) from None
        # 409, 5xx, HTML instead of JSON: it may have happened all the same.
        raise OutcomeUnknown(Reason.HAD_ERROR) from None
    except GatewayError:
        raise
    except Exception:
        raise OutcomeUnknown(Reason.UNREADABLE) from None
