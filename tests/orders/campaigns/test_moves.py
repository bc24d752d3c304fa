"""From draft to completed: every move and every refusal, and what they mean for the order."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from kit import clock
from kit.errors import DomainError
from kit.money import Money
from orders import actors, cancellation, returns
from orders.campaigns.content import FlyerContent
from orders.campaigns.editing import edit_campaign
from orders.campaigns.moves import MOVES, CampaignRefused, move
from orders.campaigns.reporting import Figures, report_figures
from orders.campaigns.scheduling import cancel_campaign, schedule_campaign, take_back_campaign
from orders.fulfilment import deliver_order, send_order
from orders.models import Campaign, CampaignStatus, Order, PaymentTerms, RefundKind
from orders.returns.plans import RefundWish
from orders.settlement import settle
from orders.status import StatusRefused
from payments.models import PaymentRequest
from tests.flyers import CLERK, CONTENT, campaigns, flyer_order, paid_order, pay, schedule_all, statuses
from tests.orders.test_settlement import hear, with_refund
from tests.payments.reports import payment
from tests.payments.reports import report as gateway_report
from tests.shop import Shop, Shopper, left, written

D, S, G, C, X = CampaignStatus
ALL = Figures(100, 40, 5, 100)


def refused(act: Callable[[], Any], code: str) -> dict[str, Any]:
    """The act is refused and nothing is written; the facts."""
    before, rows = written(), list(Campaign.objects.order_by("pk").values())
    with pytest.raises(DomainError) as error:
        act()
    assert error.value.first.code == code
    assert written() == before
    assert list(Campaign.objects.order_by("pk").values()) == rows
    return dict(error.value.first.facts)


def complete(campaign: Campaign) -> Campaign:
    """The mailing system is done with it."""
    return report_figures(campaign.pk, ALL, source="mailer")


def test_the_table_is_the_whole_truth() -> None:
    assert {before: set(moves) for before, moves in MOVES.items()} == {
        D: {S, X},
        S: {D, G, X},
        G: {C, X},
        C: set(),
        X: {D},
    }


@pytest.mark.parametrize(("before", "to"), list(itertools.product(CampaignStatus, CampaignStatus)))
def test_nothing_moves_but_by_the_table(before: CampaignStatus, to: CampaignStatus) -> None:
    campaign = Campaign(pk=7, status=before)
    if to not in MOVES[before]:
        with pytest.raises(CampaignRefused) as error:
            move(campaign, to, actor=CLERK)
        assert error.value.first.code == "campaign_move_not_allowed"


def test_a_campaign_goes_out_and_its_history_says_so(shop: Shop, ada: Shopper) -> None:
    order = paid_order(ada, shop)
    (campaign,) = schedule_all(order)
    report_figures(campaign.pk, Figures(10, 3, 1, 20), source="mailer")
    complete(campaign)
    rows = [(row.from_status, row.to_status, row.actor_kind) for row in campaign.history.order_by("pk")]
    assert rows == [
        ("", "draft", "customer"),
        ("draft", "scheduled", "system"),
        ("scheduled", "sending", "system"),
        ("sending", "completed", "system"),
    ]
    last = campaign.history.order_by("pk").last()
    assert last is not None
    assert last.facts == {
        "delivered": 100,
        "opened": 40,
        "clicked": 5,
        "percentage_completed": 100,
        "mailing_key": "mailer",
    }


# --- scheduling -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lacking", ["headline", "subject", "list_name", "scheduled_at"])
def test_what_nobody_can_send_without_has_to_be_there(shop: Shop, ada: Shopper, lacking: str) -> None:
    empty: dict[str, Any] = {lacking: None if lacking == "scheduled_at" else ""}
    order = paid_order(ada, shop, content=replace(CONTENT, **empty))
    (campaign,) = campaigns(order)
    facts = refused(lambda: schedule_campaign(campaign.pk, actor=CLERK), "campaign_incomplete")
    assert facts["missing"] == [lacking]


def test_an_empty_draft_lacks_all_of_it(shop: Shop, ada: Shopper) -> None:
    (campaign,) = campaigns(paid_order(ada, shop, content=FlyerContent()))
    facts = refused(lambda: schedule_campaign(campaign.pk, actor=CLERK), "campaign_incomplete")
    assert facts["missing"] == ["headline", "subject", "list_name", "scheduled_at"]


def test_a_time_that_is_over_is_none(shop: Shop, ada: Shopper) -> None:
    (campaign,) = campaigns(paid_order(ada, shop, content=replace(CONTENT, scheduled_at=clock.now())))
    refused(lambda: schedule_campaign(campaign.pk, actor=CLERK), "campaign_time_over")


def test_it_leaves_when_the_order_is_paid_or_at_once_on_delivery(shop: Shop, ada: Shopper) -> None:
    waits = flyer_order(ada, shop, terms=PaymentTerms.PREPAID)
    refused(lambda: schedule_all(waits), "not_sendable")
    at_the_door = flyer_order(ada, shop)
    schedule_all(at_the_door)
    assert statuses(at_the_door) == ["scheduled"]


def test_what_was_promised_back_is_not_sent_for(shop: Shop, ada: Shopper, sandbox: Any) -> None:
    order = _paid_online(ada, shop)
    returns.request_refund(order.pk, RefundWish(RefundKind.FULL, "no"), actor=CLERK)
    order.refresh_from_db()
    assert order.status == "paid"
    refused(lambda: schedule_all(order), "refund_promised")


def test_a_scheduled_one_says_what_it_says_until_it_is_taken_back(shop: Shop, ada: Shopper) -> None:
    (campaign,) = schedule_all(paid_order(ada, shop))
    refused(lambda: edit_campaign(campaign.pk, {"headline": "x"}, actor=CLERK), "campaign_not_draft")
    refused(lambda: schedule_campaign(campaign.pk, actor=CLERK), "campaign_not_draft")
    take_back_campaign(campaign.pk, actor=CLERK)
    refused(lambda: take_back_campaign(campaign.pk, actor=CLERK), "campaign_not_scheduled")
    assert edit_campaign(campaign.pk, {"headline": "x"}, actor=CLERK).headline == "x"
    assert schedule_campaign(campaign.pk, actor=CLERK).status == S


def test_once_mails_have_left_it_is_not_taken_back(shop: Shop, ada: Shopper) -> None:
    (campaign,) = schedule_all(paid_order(ada, shop))
    report_figures(campaign.pk, Figures(delivered=1), source="mailer")
    refused(lambda: take_back_campaign(campaign.pk, actor=CLERK), "campaign_not_scheduled")


# --- editing --------------------------------------------------------------------------------------------------------


def test_an_edit_names_what_it_changed_and_no_more(shop: Shop, ada: Shopper) -> None:
    (campaign,) = campaigns(flyer_order(ada, shop))
    changes = {"headline": "New", "subject": CONTENT.subject, "rush": True, "prop_desc": "<p>x</p><script>y</script>"}
    edited = edit_campaign(campaign.pk, changes, actor=actors.customer(ada.user.pk))
    assert (edited.headline, edited.rush, edited.prop_desc, edited.list_name) == (
        "New",
        True,
        "<p>x</p>",
        CONTENT.list_name,
    )
    row = campaign.history.order_by("pk").last()
    assert row is not None
    assert (row.from_status, row.to_status, row.actor_id) == ("draft", "draft", ada.user.pk)
    assert row.facts == {"changed": ["prop_desc", "headline", "rush"]}
    before = written()
    edit_campaign(campaign.pk, changes, actor=actors.customer(ada.user.pk))
    assert written() == before


def test_a_price_is_taken_away_with_its_currency(shop: Shop, ada: Shopper) -> None:
    (campaign,) = campaigns(flyer_order(ada, shop))
    edited = edit_campaign(campaign.pk, {"prop_price": None, "scheduled_at": None}, actor=CLERK)
    assert (edited.prop_price_minor, edited.prop_currency, edited.scheduled_at) == (None, "", None)
    edited = edit_campaign(campaign.pk, {"prop_price": Money(0, "JPY")}, actor=CLERK)
    edited.refresh_from_db()
    assert (edited.prop_price_minor, edited.prop_currency) == (0, "JPY")


# --- the order ------------------------------------------------------------------------------------------------------


def test_the_last_of_an_orders_campaigns_completes_the_order(shop: Shop, ada: Shopper) -> None:
    before = left(shop.flyer)
    order = paid_order(ada, shop, (shop.flyer, 2))
    first, second = schedule_all(order)
    complete(first)
    order.refresh_from_db()
    assert (order.status, order.fulfilment) == ("paid", "unfulfilled")
    complete(second)
    order.refresh_from_db()
    assert (order.status, order.fulfilment) == ("completed", "delivered")
    assert order.delivered_at is not None
    assert left(shop.flyer) == before - 2
    assert [row.event for row in order.history.order_by("pk")][-3:] == ["sent", "delivered", "payment"]


def test_an_unpaid_order_is_delivered_and_completed_by_its_cash(shop: Shop, ada: Shopper) -> None:
    order = flyer_order(ada, shop)
    complete(schedule_all(order)[0])
    order.refresh_from_db()
    assert (order.status, order.fulfilment) == ("payment_pending", "delivered")
    assert pay(order).status == "completed"


def test_a_package_beside_it_holds_nothing_up(shop: Shop, ada: Shopper) -> None:
    order = paid_order(ada, shop, (shop.flyer, 1), (shop.package, 1))
    complete(schedule_all(order)[0])
    order.refresh_from_db()
    assert order.status == "completed"


def test_goods_beside_it_are_sent_and_delivered_by_people(shop: Shop, ada: Shopper) -> None:
    order = paid_order(ada, shop, (shop.flyer, 1), (shop.cable, 1))
    (campaign,) = schedule_all(order)
    send_order(order.pk, actor=CLERK)
    refused(lambda: deliver_order(order.pk, actor=CLERK), "campaigns_open")
    complete(campaign)
    order.refresh_from_db()
    assert (order.status, order.fulfilment) == ("paid", "sent")
    assert deliver_order(order.pk, actor=CLERK).status == "completed"


def test_a_campaign_that_completes_before_the_goods_leave_waits_for_them(shop: Shop, ada: Shopper) -> None:
    order = paid_order(ada, shop, (shop.flyer, 1), (shop.cable, 1))
    complete(schedule_all(order)[0])
    order.refresh_from_db()
    assert (order.status, order.fulfilment) == ("paid", "unfulfilled")
    send_order(order.pk, actor=CLERK)
    assert deliver_order(order.pk, actor=CLERK).status == "completed"


def test_an_order_that_was_marked_as_sent_is_delivered_by_its_last_campaign(shop: Shop, ada: Shopper) -> None:
    order = paid_order(ada, shop)
    send_order(order.pk, actor=CLERK)
    (campaign,) = schedule_all(order)
    complete(campaign)
    order.refresh_from_db()
    assert (order.status, order.fulfilment) == ("completed", "delivered")


def test_a_campaign_that_staff_cancel_holds_nothing_up(shop: Shop, ada: Shopper) -> None:
    order = paid_order(ada, shop, (shop.flyer, 2))
    first, second = schedule_all(order)
    complete(first)
    cancelled = cancel_campaign(second.pk, actor=CLERK, reason="twice")
    order.refresh_from_db()
    assert (cancelled.status, order.status) == (X, "completed")
    row = second.history.order_by("pk").last()
    assert row is not None
    assert row.facts == {"reason": "twice"}
    refused(lambda: cancel_campaign(second.pk, actor=CLERK), "campaign_over")
    refused(lambda: cancel_campaign(first.pk, actor=CLERK), "campaign_over")


def test_an_order_of_cancelled_campaigns_alone_is_not_delivered(shop: Shop, ada: Shopper) -> None:
    order = paid_order(ada, shop)
    cancel_campaign(campaigns(order)[0].pk, actor=CLERK)
    order.refresh_from_db()
    assert (order.status, order.fulfilment) == ("paid", "unfulfilled")


# --- orders that end ------------------------------------------------------------------------------------------------


def test_cancelling_an_order_cancels_what_is_not_completed(shop: Shop, ada: Shopper) -> None:
    order = paid_order(ada, shop, (shop.flyer, 4))
    made = campaigns(order)
    for campaign in made[1:]:
        schedule_campaign(campaign.pk, actor=CLERK)
    report_figures(made[2].pk, Figures(delivered=1), source="mailer")
    complete(made[3])
    assert statuses(order) == ["draft", "scheduled", "sending", "completed"]
    cancellation.cancel_order(order.pk, actor=CLERK)
    assert statuses(order) == ["cancelled", "cancelled", "cancelled", "completed"]


def test_a_full_refund_cancels_what_is_not_completed_and_a_part_of_it_does_not(shop: Shop, ada: Shopper) -> None:
    order = paid_order(ada, shop, (shop.flyer, 2))
    complete(schedule_all(order)[0])
    part = RefundWish(RefundKind.PARTIAL, "late", Money(100, "USD"))
    returns.request_refund(order.pk, part, actor=CLERK)
    assert statuses(order) == ["completed", "scheduled"]
    returns.request_refund(order.pk, RefundWish(RefundKind.FULL, "no"), actor=CLERK)
    order.refresh_from_db()
    assert (order.status, statuses(order)) == ("refunded", ["completed", "cancelled"])


def test_an_order_that_nobody_pays_takes_its_drafts_with_it(shop: Shop, ada: Shopper) -> None:
    order = flyer_order(ada, shop, terms=PaymentTerms.PREPAID)
    assert cancellation.expire_order(order.pk, now=clock.now() + timedelta(days=1))
    assert statuses(order) == ["cancelled"]


def test_a_customer_cancels_until_mails_have_left(shop: Shop, ada: Shopper) -> None:
    order = paid_order(ada, shop)
    (campaign,) = schedule_all(order)
    report_figures(campaign.pk, Figures(opened=4, percentage_completed=1), source="mailer")
    report_figures(campaign.pk, Figures(delivered=1), source="mailer")
    by_customer = actors.customer(ada.user.pk)
    refused(lambda: cancellation.cancel_order(order.pk, actor=by_customer), "already_sent")
    assert cancellation.cancel_order(order.pk, actor=CLERK).status == "cancelled"


def test_a_customer_cancels_what_is_only_scheduled(shop: Shop, ada: Shopper) -> None:
    order = paid_order(ada, shop)
    schedule_all(order)
    cancellation.cancel_order(order.pk, actor=actors.customer(ada.user.pk))
    assert statuses(order) == ["cancelled"]


def _paid_online(ada: Shopper, shop: Shop) -> Order:
    order = flyer_order(ada, shop, (shop.flyer, 2), terms=PaymentTerms.PREPAID)
    return _arrive(order)


def _arrive(order: Order) -> Order:
    """The money of an order, by its gateway's word."""
    PaymentRequest.objects.filter(subject_id=order.pk).update(state="open", gateway_reference=f"pi_{order.pk.hex}")
    request = PaymentRequest.objects.get(subject_id=order.pk)
    captured = payment(request, "captured", amount_minor=order.total_minor, captured_minor=order.total_minor)
    return settle(order.pk, actor=actors.GATEWAY, report=gateway_report(request, captured))


def test_late_money_brings_back_what_ended_with_the_order_as_drafts(shop: Shop, ada: Shopper) -> None:
    order = flyer_order(ada, shop, (shop.flyer, 2), terms=PaymentTerms.PREPAID)
    first, _ = campaigns(order)
    cancel_campaign(first.pk, actor=CLERK, reason="by hand")
    cancellation.expire_order(order.pk, now=clock.now() + timedelta(days=1))
    assert statuses(order) == ["cancelled", "cancelled"]
    assert _arrive(order).status == "paid"
    # The one that a person had called off stays called off.
    assert statuses(order) == ["cancelled", "draft"]
    assert [campaign.ended_with_order for campaign in campaigns(order)] == [False, False]


def test_late_money_that_revives_nothing_leaves_them_cancelled(shop: Shop, ada: Shopper) -> None:
    order = flyer_order(ada, shop, (shop.flyer, 1), (shop.scarce, 1), terms=PaymentTerms.PREPAID)
    cancellation.expire_order(order.pk, now=clock.now() + timedelta(days=1))
    flyer_order(ada, shop, (shop.scarce, 1))
    assert _arrive(order).status == "cancelled"
    assert statuses(order) == ["cancelled"]
    assert campaigns(order)[0].ended_with_order is True


@pytest.mark.parametrize(
    ("goods", "delivered", "status", "after"),
    [
        # Nothing had left: the order stays called off.
        (False, False, "cancelled", "cancelled"),
        # Goods had left, and the flyer had not: it is paid for again.
        (True, False, "paid", "draft"),
        # Somebody has said since that all has arrived: nothing is left to be sent.
        (True, True, "completed", "cancelled"),
    ],
)
def test_a_refund_that_fails_after_all(
    shop: Shop, ada: Shopper, goods: bool, delivered: bool, status: str, after: str
) -> None:
    order = _arrive(flyer_order(ada, shop, (shop.flyer, 1), (shop.cable, 1), terms=PaymentTerms.PREPAID))
    request = PaymentRequest.objects.get(subject_id=order.pk)
    if goods:
        send_order(order.pk, actor=CLERK)
    hear(order, gateway_report(request, with_refund(request, "a", order.total_minor)))
    assert statuses(order) == ["cancelled"]
    if delivered:
        deliver_order(order.pk, actor=CLERK)
    order = hear(order, gateway_report(request, with_refund(request, "a", order.total_minor, "failed")))
    assert (order.status, statuses(order)) == (status, [after])


def test_an_order_without_flyers_ends_as_before(shop: Shop, ada: Shopper) -> None:
    order = flyer_order(ada, shop, (shop.package, 1))
    with pytest.raises(StatusRefused):
        deliver_order(order.pk, actor=CLERK)
    send_order(order.pk, actor=CLERK)
    assert deliver_order(order.pk, actor=CLERK).fulfilment == "delivered"
