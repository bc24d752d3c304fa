"""Authenticate, find the caller's entry, one act, answer. The texts are in `errors`, the shapes in `wire`."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from catalog.models import Event
from customers.authentication import Caller, caller_of
from customers.models import EventProfile
from customers.tokens import NotAuthenticated
from orders import actors
from orders.checkout import PaymentNotInitialized
from orders.entering import EntryRefused, order_entry
from orders_project.dialects.event import errors, wire
from orders_project.idempotency.keeping import BadKey, Claim, KeyReused, NothingDone, StillWorking, once
from orders_project.problems import answers_problems_with


@csrf_exempt
@answers_problems_with(errors.problem)
def enter(request: HttpRequest, slug: str, profile_id: str) -> HttpResponse:
    """POST /order/{slug}/{id}: the payment order of the caller's entry, the one that is open or a new one."""
    if request.method != "POST":
        response = errors.refusal(405, f"{request.method} is not allowed here: the order is only handed out by POST.")
        response["Allow"] = "POST"
        return response
    try:
        caller = caller_of(request.headers.get("Authorization"))
    except NotAuthenticated:
        return errors.refusal(401, "Invalid token.")
    try:
        return once(
            request,
            principal=f"user:{caller.user_id}",
            act=lambda claim: _enter(caller, claim, slug, profile_id),
        )
    except BadKey:
        return errors.refusal(400, "Idempotency-Key must be 1 to 255 printable ASCII characters.")
    except KeyReused:
        return errors.refusal(422, "Idempotency-Key was used for another request.")
    except StillWorking:
        return errors.refusal(409, "A request with this Idempotency-Key is still in progress.", retry_after_s=1)


def _enter(caller: Caller, claim: Claim, slug: str, profile_id: str) -> HttpResponse:
    profile = _find(caller, slug, profile_id)
    try:
        payable = order_entry(profile, actor=actors.customer(caller.user_id), placement_key=claim.key)
    except EntryRefused as error:
        raise NothingDone(errors.of_refusal(error)) from None
    except PaymentNotInitialized:
        text = "The payment provider cannot be asked right now. Try again in a moment."
        return errors.refusal(502, text)
    return HttpResponse(wire.answer(profile, payable), content_type="application/json; charset=utf-8")


def _find(caller: Caller, slug: str, text: str) -> EventProfile:
    """The caller's profile in the event. Raises NothingDone with the refusal."""
    wanted = wire.profile_id(text)
    profiles = EventProfile.objects.select_related("event__variant", "customer__user", "updated_by__customer")
    profile = profiles.filter(pk=wanted).first() if wanted else None
    if profile is None or profile.event.slug != slug:
        known = "\0" not in slug and Event.objects.filter(slug=slug).exists()
        raise NothingDone(errors.refusal(404, "Profile not found." if known else "Event not found."))
    if profile.customer_id != caller.customer_id:
        raise NothingDone(errors.refusal(403, "This profile is another user's."))
    return profile
