"""The views of the controls: JSON for scripts, a plain page for people."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import render

from kit.money import Money
from payments.sandbox import faults, settling
from payments.sandbox.books import books as read_books
from payments.sandbox.controls import bank, reading, shopper
from payments.sandbox.controls.reading import Refused, control
from payments.sandbox.controls.shopper import Outcome, Try
from payments.sandbox.events import Mode
from payments.sandbox.faults import Fault
from payments.sandbox.models import Gateway, PaymentIntent, RazorpayOrder
from payments.sandbox.razorpay_wire import refunds as razorpay_refunds
from payments.sandbox.razorpay_wire.acts import FAILURE
from payments.sandbox.razorpay_wire.errors import RazorpayError
from payments.sandbox.stripe_wire import refunds as stripe_refunds
from payments.sandbox.stripe_wire.acts import Cause
from payments.sandbox.stripe_wire.errors import StripeError

NO_FAULT = "none"
MOST_TIMES = 1_000_000
MOST_ROWS = 1_000_000
MOST_MINOR = 10**15
MOST_REASON = 60


@control("GET", "POST")
def pay(request: HttpRequest) -> HttpResponseBase:
    """GET: the page on which a person picks the outcome. POST: that outcome happens."""
    return _pay_page(request) if request.method == "GET" else _pay(request)


@control("POST")
def arm_fault(request: HttpRequest) -> HttpResponseBase:
    """The next matching calls go wrong, or, with "none", no longer."""
    members = reading.body(request, ("gateway", "call", "fault", "times"))
    gateway = reading.choice(members, "gateway", Gateway)
    call = reading.choice(members, "call", (*faults.Call, faults.ANY_CALL))
    fault = reading.choice(members, "fault", (*Fault, NO_FAULT))
    times = reading.whole(members, "times", 1, MOST_TIMES)
    if fault == NO_FAULT:
        faults.disarm(gateway, call)
    else:
        faults.arm(gateway, call, Fault(fault), times)
    return HttpResponse(status=204)


@control("GET")
def books(request: HttpRequest) -> HttpResponseBase:
    """What the sandbox says of the money; of both gateways when none is named."""
    query = {name: str(value) for name, value in request.GET.items()}
    limit = reading.whole(query, "limit", MOST_ROWS, MOST_ROWS) if "limit" in query else None
    after = reading.text(query, "after") if "after" in query else None
    if "gateway" in query:
        gateway = reading.choice(query, "gateway", Gateway)
        return JsonResponse(read_books(gateway, limit=limit, after=after))
    return JsonResponse({str(gateway): read_books(gateway, limit=limit, after=after) for gateway in Gateway})


@control("POST")
def settle(request: HttpRequest) -> HttpResponseBase:
    """The gateway pays out what it owes; with `negative` it also takes what it is owed."""
    members = reading.body(request, ("gateway", "negative"))
    gateway = reading.choice(members, "gateway", Gateway)
    paid = settling.settle(gateway, negative=reading.flag(members, "negative", default=False))
    return JsonResponse(
        {
            "payouts": [
                {"id": payout.public_id, "amount": payout.amount_minor, "currency": payout.currency.upper()}
                for payout in paid
            ]
        }
    )


@control("POST")
def fail_refund(request: HttpRequest) -> HttpResponseBase:
    """A refund that had gone through comes back, as banks do days later."""
    members = reading.body(request, ("refund", "webhook"))
    public_id = reading.text(members, "refund")
    mode = Mode(reading.choice(members, "webhook", Mode, Mode.NORMAL))
    refund: Any
    try:
        with transaction.atomic(using="sandbox"):
            if public_id.startswith("rfnd_"):
                refund = razorpay_refunds.fail(public_id, mode=mode)
            else:
                refund = stripe_refunds.fail(public_id, cause=Cause(mode=mode))
    except (StripeError, RazorpayError) as error:
        raise Refused(str(error), 409) from None
    return JsonResponse({"refund": refund.public_id, "status": refund.status})


@control("POST")
def dispute(request: HttpRequest) -> HttpResponseBase:
    """A shopper's bank opens a dispute about a payment, or goes on with it."""
    members = reading.body(request, ("payment", "act", "amount", "reason", "kept_back", "webhook"))
    move = bank.Move(
        act=bank.Act(reading.choice(members, "act", bank.Act)),
        amount_minor=reading.whole(members, "amount", 0, MOST_MINOR) if "amount" in members else None,
        reason=reading.text(members, "reason")[:MOST_REASON] if "reason" in members else "",
        keeps_back=reading.flag(members, "kept_back", default=True),
        webhook=Mode(reading.choice(members, "webhook", Mode, Mode.NORMAL)),
    )
    return JsonResponse(bank.dispute(reading.text(members, "payment"), move))


def _pay(request: HttpRequest) -> HttpResponseBase:
    by_person = reading.is_form(request) and "text/html" in request.headers.get("Accept", "")
    members = reading.body(request, ("payment", "outcome", "method", "last4", "webhook", "callback"))
    payment = reading.text(members, "payment")
    attempt = Try(
        outcome=Outcome(reading.choice(members, "outcome", Outcome)),
        method=reading.choice(members, "method", shopper.METHODS, "card"),
        last4=reading.text(members, "last4") if members.get("last4") is not None else None,
        webhook=Mode(reading.choice(members, "webhook", Mode, Mode.NORMAL)),
    )
    try:
        answer = shopper.pay(payment, attempt)
    except Refused as refusal:
        if not by_person:
            raise
        return _page(request, payment, message=str(refusal), status=refusal.status)
    if not by_person:
        return JsonResponse(answer)
    callback = reading.own_path(members, "callback")
    if callback and payment.startswith("order_"):
        return _back(request, callback, answer, attempt.outcome)
    return _page(request, payment, answer=answer)


def _back(request: HttpRequest, callback: str, answer: dict[str, Any], outcome: Outcome) -> HttpResponse:
    """As Razorpay sends a payer back to where the checkout was opened: with the outcome, signed if it is one."""
    fields = {name: value for name, value in answer.items() if name.startswith("razorpay_")}
    if outcome == Outcome.FAIL:
        fields = {"error[code]": FAILURE["code"], "error[description]": FAILURE["description"]}
    # Who gave up has nothing to say.
    context = {"callback": callback, "fields": {} if outcome == Outcome.ABANDON else fields}
    return render(request, "sandbox/back.html", context)


def _pay_page(request: HttpRequest) -> HttpResponseBase:
    payment = request.GET.get("payment", "")
    if not payment:
        return render(request, "sandbox/pay.html", {"asks": True})
    if "\0" in payment:
        return render(request, "sandbox/pay.html", {"message": "There is no such payment.", "asks": True}, status=400)
    try:
        return _page(request, payment, callback=reading.own_path(request.GET.dict(), "callback"))
    except Refused as refusal:
        return render(request, "sandbox/pay.html", {"message": str(refusal), "asks": True}, status=refusal.status)


def _page(
    request: HttpRequest,
    payment: str,
    *,
    answer: dict[str, Any] | None = None,
    message: str = "",
    status: int = 200,
    callback: str = "",
) -> HttpResponse:
    found = shopper.find(payment)
    context = {
        "payment": payment,
        "id": found.public_id,
        "gateway": "Stripe" if isinstance(found, PaymentIntent) else "Razorpay",
        "amount": Money(found.amount_minor, found.currency.upper()),
        "status": found.status,
        "open": _is_open(found),
        "answer": answer,
        "message": message,
        "callback": callback,
        "methods": shopper.METHODS,
        "modes": list(Mode),
    }
    return render(request, "sandbox/pay.html", context, status=status)


def _is_open(found: PaymentIntent | RazorpayOrder) -> bool:
    if isinstance(found, PaymentIntent):
        return found.status in PaymentIntent.OPEN_STATUSES
    return found.status != RazorpayOrder.Status.PAID
