"""Shows an order to its payer, opens the gateway's checkout, and hands the outcome on to the merchant who is paid.

Nothing is decided here: the page's script shows what the checkout has handed out to /api/v1/payments/razorpay/verify/,
and says what it is told. A payer is sent to no address but one that the merchant has registered.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.cache import add_never_cache_headers
from django.views.decorators.csp import csp_override
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST

from orders import verification
from orders.verification import NotSigned, Verdict
from orders_project.checkout import policy
from payments.merchants import checkout as merchants
from payments.merchants.checkout import Payee
from payments.models import ACTIVE_REQUEST_STATES, PaymentRequest

_ANSWER = ("razorpay_payment_id", "razorpay_order_id", "razorpay_signature")
_LONGEST = 256
_SETTLED = (Verdict.PAID, Verdict.AUTHORIZED)


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def checkout(request: HttpRequest, reference: str) -> HttpResponse:
    """GET: the page of an order. POST: the same, as the gateway's checkout sends a payer back to it with an outcome."""
    found = verification.find(reference)
    if found is None:
        return _refused(request, "There is no such payment.", 404)
    payee = merchants.payee_of(reference)
    callback = request.GET.get("callback_url", "")
    if callback and (payee is None or callback not in payee.callback_urls):
        return _refused(request, "The address to return to is not registered.", 400)
    answer = {name: request.POST.get(name, "")[:_LONGEST] for name in _ANSWER} if request.method == "POST" else {}
    if answer and answer["razorpay_order_id"] not in ("", reference):
        return _refused(request, "This is about another payment.", 400)
    context = _context(request, found, payee, callback)
    if request.method == "POST":
        # Without a signature the checkout has said that it came to nothing.
        context |= {"answer": answer, "state": "checking"} if all(answer.values()) else {"state": "failed"}
    return _page(request, "checkout/page.html", context, policy.of_page())


@csrf_exempt
@require_POST
def hand_over(request: HttpRequest, reference: str) -> HttpResponse:
    """Send a payer whose payment is settled to the merchant, with the outcome in the merchant's own signature."""
    payment_id, order_id, signature = (request.POST.get(name, "")[:_LONGEST] for name in _ANSWER)
    payee = merchants.payee_of(reference)
    callback = request.POST.get("callback_url", "") or (payee.callback_urls[0] if payee and payee.callback_urls else "")
    if payee is None or callback not in payee.callback_urls:
        return _refused(request, "The address to return to is not registered.", 400)
    try:
        if order_id != reference:
            raise NotSigned
        found = verification.check(reference, payment_id, signature)
    except NotSigned:
        return _refused(request, "This was not signed by the gateway.", 400)
    if verification.standing_of_payment(found, payment_id) not in _SETTLED:
        return _refused(request, "The payment is not settled yet.", 409)
    signed = merchants.signed_outcome(reference, payment_id)
    if signed is None:
        return _refused(request, "The merchant has no key that counts.", 409)
    fields = dict(zip(_ANSWER, (payment_id, reference, signed), strict=True))
    context = {"callback": callback, "fields": fields, "name": payee.name}
    return _page(request, "checkout/handover.html", context, policy.of_handover(callback))


def _context(request: HttpRequest, found: PaymentRequest, payee: Payee | None, callback: str) -> dict[str, Any]:
    verdict = verification.standing_of(found)
    reference = found.gateway_reference or ""
    is_over = found.state not in ACTIVE_REQUEST_STATES or found.cancel_wanted_at is not None
    state = "over" if is_over and verdict in (Verdict.UNPAID, Verdict.FAILED) else verdict.value
    page = request.get_full_path()
    returns_to = callback or (payee.callback_urls[0] if payee and payee.callback_urls else "")
    return {
        "reference": reference,
        "amount": found.amount,
        "name": payee.name if payee else "",
        "seller": payee.name if payee else settings.SELLER.name,
        "description": found.description,
        "state": state,
        "is_live": not settings.SANDBOX,
        "key_id": settings.RAZORPAY_KEY_ID,
        "page": page,
        "sandbox": "" if settings.PRODUCTION else "/sandbox/pay",
        "verify": reverse("razorpay-verify"),
        "standing": reverse("razorpay-standing", args=[reference]),
        "handover": reverse("checkout-return", args=[reference]) if returns_to else "",
        "callback": returns_to,
    }


def _refused(request: HttpRequest, text: str, status: int) -> HttpResponse:
    return _page(request, "checkout/refused.html", {"text": text}, settings.SECURE_CSP, status=status)


def _page(
    request: HttpRequest, template: str, context: dict[str, Any], csp: dict[str, list[str]], *, status: int = 200
) -> HttpResponse:
    @csp_override(csp)
    def answer(_request: HttpRequest) -> HttpResponse:
        return render(request, template, context, status=status)

    response: HttpResponse = answer(request)
    add_never_cache_headers(response)
    # An order's id opens its page: no other site learns it from where a payer came from.
    response["Referrer-Policy"] = "no-referrer"
    response["X-Robots-Tag"] = "noindex"
    return response
