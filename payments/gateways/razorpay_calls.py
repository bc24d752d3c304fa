"""One call of Razorpay's SDK, fenced in: the SDK has no timeout of its own, hides the HTTP status and lets foreign
exceptions out, so every call gets an explicit timeout, body and no redirects."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import razorpay as sdk
import requests
from razorpay import errors as sdk_errors

from payments.gateways.base import GatewayError, NotKnown, OutcomeUnknown, Reason, Rejected, Unavailable

# Of an id that could be one, and of one that could not.
_NO_SUCH_ID = ("The id provided does not exist", "is not a valid id")


class RazorpayCalls:
    """The SDK's client, one for each thread, and the sorting of its errors."""

    def __init__(self, *, key_id: str, key_secret: str, api_base: str, timeout: tuple[float, float]) -> None:
        self._auth = (key_id, key_secret)
        self._options: dict[str, Any] = {"base_url": api_base} if api_base else {}
        self._timeout = timeout
        self._local = threading.local()

    def client(self) -> Any:
        """One client per thread: the SDK's session is not made for several."""
        if not hasattr(self._local, "client"):
            self._local.client = sdk.Client(auth=self._auth, **self._options)
            self._local.client.session.hooks["response"].append(self._remember)
        return self._local.client

    def call(self, act: Callable[[Any, dict[str, Any]], Any]) -> dict[str, Any]:
        """Do one call and sort what went wrong by who must act; the status comes from the hook, the SDK hides it."""
        client = self.client()
        self._local.status = None
        try:
            answer = act(client, {"timeout": self._timeout, "allow_redirects": False})
        except GatewayError:
            raise
        except requests.ConnectTimeout:
            raise Unavailable(Reason.UNREACHABLE) from None
        except sdk_errors.BadRequestError as error:
            if self._local.status == 429:
                raise Unavailable(Reason.BUSY) from None
            if self._local.status == 409:
                raise OutcomeUnknown(Reason.STILL_WORKING) from None
            if any(words in str(error) for words in _NO_SUCH_ID):
                # Razorpay has neither a status nor a code of its own for it.
                raise NotKnown(Reason.NOT_KNOWN) from None
            raise Rejected(Reason.REFUSED) from None
        except Exception:
            # GatewayError and ServerError of the SDK, timeouts, resets, HTML instead of JSON.
            if self._local.status == 429:
                raise Unavailable(Reason.BUSY) from None
            raise OutcomeUnknown(Reason.NO_ANSWER) from None
        if not isinstance(answer, dict):
            raise OutcomeUnknown(Reason.UNREADABLE)
        return answer

    def signed_checkout(self, answer: dict[str, str], secret: str | None) -> bool:
        """Whether the SDK takes a checkout's answer for signed with a secret; without one, with our own key's."""
        client = self.client() if secret is None else sdk.Client(auth=(self._auth[0], secret), **self._options)
        try:
            client.utility.verify_payment_signature(answer)
        except (sdk_errors.SignatureVerificationError, ValueError, TypeError, AttributeError, UnicodeError):
            # The SDK lets other errors out on hostile texts.
            return False
        return True

    def _remember(self, response: requests.Response, *_: Any, **__: Any) -> None:
        self._local.status = response.status_code
