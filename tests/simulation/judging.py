"""What must be true: always, and once everything has come to rest."""

from __future__ import annotations

from django.db import connection
from django.db.models import Q

from kit import clock
from orders.books import INVARIANTS, find_offenders
from orders.models import Order
from payments.models import (
    ACTIVE_REQUEST_STATES,
    CHASED_REFUND_STATES,
    Dispute,
    EventState,
    PaymentAttempt,
    PaymentRequest,
    Refund,
    WebhookEvent,
)
from payments.reconciliation.models import Discrepancy
from payments.recording.refunds import MADE_ELSEWHERE
from payments.sandbox.models import RazorpayRefund, StripeRefund
from tests.jobs import assert_books_agree
from tests.simulation.world import OLDEST, World

# One statement, whose plan the connection keeps.
_BROKEN = "SELECT array_remove(ARRAY[{}], NULL)".format(
    ", ".join(f"CASE WHEN EXISTS ({statement}) THEN {number} END" for number, (_, statement) in enumerate(INVARIANTS))
)
# What a second reconciliation must leave as it is: everything about money but the runs' own notes.
_DIGEST = """
SELECT table_name, (xpath('/row/digest/text()', query_to_xml(
    format('SELECT md5(string_agg(t::text, chr(10) ORDER BY t::text)) AS digest FROM %I t', table_name),
    false, true, ''
)))[1]::text
FROM information_schema.tables WHERE table_schema = 'public'
  AND (table_name LIKE 'orders\\_%' OR table_name LIKE 'payments\\_%' OR table_name LIKE 'catalog\\_stock%'
       OR table_name IN ('procrastinate_jobs', 'reconciliation_discrepancy'))
ORDER BY 1
"""
# A reconciliation heals, the next one what that has caused; there is no third thing.
_ROUNDS = 4
# Where it is noted that a gateway was asked in vain, and that a person still has to look.
_NOTED = frozenset({"payments_refund", "payments_paymentattempt", "reconciliation_discrepancy"})


def assert_books_hold() -> None:
    """Every invariant, at this very moment."""
    with connection.cursor() as cursor:
        cursor.execute(_BROKEN)
        (broken,) = cursor.fetchone()
    if broken:
        offenders = {check.name: check.offenders for check in find_offenders() if check.offenders}
        raise AssertionError(f"the books do not hold: {offenders}")


def come_to_rest(world: World) -> None:
    """Nothing breaks any more; what is on its way arrives; what was cut off is found; then gateways are asked, until
    nothing is left to do."""
    world.mend_calls()
    world.decide_disputes()
    _arrive(world)
    for _ in range(2):
        # Longer than any pause.
        world.pass_time(70)
        world.chase()
        world.expire()
        _arrive(world)
    for _ in range(_ROUNDS):
        world.pass_time(70)
        steps = world.reconcile()
        _arrive(world)
        if not steps:
            return
    raise AssertionError("every reconciliation finds something to do")


def _arrive(world: World) -> None:
    while _deliver_all(world) + _work_all(world):
        pass


def _deliver_all(world: World) -> int:
    return sum(1 for _ in iter(lambda: world.webhook(OLDEST, "arrives"), False))


def _work_all(world: World) -> int:
    return sum(1 for _ in iter(lambda: world.work(OLDEST), False))


def assert_at_rest(world: World) -> None:
    """Nothing is half-way, our books are the gateways', and one more reconciliation changes nothing."""
    # Money that has become credit and was refunded by hand as well does not come back by itself.
    # Nor does a gateway refund the rest of a payment that a bank has taken back in part: it says no at every look.
    barred = Refund.objects.filter(state="approved", attempt__disputes__state="lost").values_list("pk", flat=True)
    for_a_person = Q(kind="refunded_twice") | Q(kind="stuck", gateway_id__in=[str(pk) for pk in barred])
    # Money that is held waits for a person, and its order with it.
    held = PaymentAttempt.objects.filter(state="authorized", request__hold=True, request__cancel_wanted_at=None).values(
        "request__subject_id"
    )
    now = {
        "requests": list(
            PaymentRequest.objects.filter(state__in=("initiated", "unknown")).values_list("gateway", "state")
        ),
        "unwanted": list(
            PaymentRequest.objects.filter(state__in=ACTIVE_REQUEST_STATES, cancel_wanted_at__isnull=False).values_list(
                "gateway", "state"
            )
        ),
        "refunds": list(
            Refund.objects.filter(state__in=CHASED_REFUND_STATES)
            .exclude(pk__in=barred)
            .values_list("state", "times_asked", "attempt__disputes__state")
        ),
        "events": list(WebhookEvent.objects.exclude(state=EventState.WORKED).values_list("event_type", "state")),
        "discrepancies": list(
            Discrepancy.objects.filter(state="open").exclude(for_a_person).values_list("kind", "ours", "theirs")
        ),
        "unpaid": list(
            Order.objects.filter(status="payment_pending", expires_at__lt=clock.now() + world.ahead)
            .exclude(pk__in=held)
            .values_list("number")
        ),
    }
    assert now == {what: [] for what in now}
    assert_books_agree(world.gateways)
    _assert_refunds_agree()
    _assert_disputes_agree(world)
    asked_in_vain = _NOTED if barred else frozenset()
    before = digest(but=asked_in_vain)
    world.pass_time(70)
    world.reconcile()
    assert digest(but=asked_in_vain) == before


def digest(*, but: frozenset[str]) -> dict[str, str | None]:
    """Of every table about money but these, all it says."""
    with connection.cursor() as cursor:
        cursor.execute(_DIGEST)
        return {table: said for table, said in cursor.fetchall() if table not in but}


def _assert_refunds_agree() -> None:
    # Without a balance transaction it is a hold that was let go.
    at_stripe = StripeRefund.objects.exclude(balance_transaction=None)
    theirs = {
        **dict(at_stripe.values_list("public_id", "status")),
        **dict(RazorpayRefund.objects.values_list("public_id", "status")),
    }
    at_gateways = Refund.objects.exclude(gateway_refund_id=None).exclude(attempt__gateway="offline")
    ours = dict(at_gateways.values_list("gateway_refund_id", "state"))
    words = {"succeeded": "succeeded", "processed": "succeeded", "failed": "failed", "pending": "sent"}
    assert ours == {name: words[status] for name, status in theirs.items()}
    elsewhere = {*at_gateways.filter(reason=MADE_ELSEWHERE).values_list("gateway_refund_id", flat=True)}
    by_hand = {
        *at_stripe.filter(metadata__by="hand").values_list("public_id", flat=True),
        *RazorpayRefund.objects.filter(notes__by="hand").values_list("public_id", flat=True),
    }
    assert elsewhere == by_hand, "a refund of ours was made twice"


def _assert_disputes_agree(world: World) -> None:
    theirs = sum(
        total["disputed"] for name in ("stripe", "razorpay") for total in world.gateways.books(name)["totals"].values()
    )
    assert sum(dispute.withdrawn_minor for dispute in Dispute.objects.all()) == theirs
