"""Reports at once, and reports while the order ends."""

from __future__ import annotations

import threading
from typing import Any

from django.db import transaction

from orders.campaigns import ending
from orders.campaigns.moves import move
from orders.campaigns.reporting import Figures, report_figures
from orders.cancellation import cancel_order
from orders.fulfilment import finish_campaigns
from orders.models import Campaign, CampaignHistory, CampaignStatus, Order
from tests.concurrency.racing import PATIENCE_S, no_deadlocks, outcome, together
from tests.flyers import CLERK, paid_order, schedule_all, statuses
from tests.shop import Shop, Shopper, left

ROUNDS = 5


def test_the_last_reports_of_two_campaigns_at_once_complete_the_order_once(shop: Shop, ada: Shopper) -> None:
    stock = left(shop.flyer)
    for number in range(1, ROUNDS + 1):
        order = paid_order(ada, shop, (shop.flyer, 2))
        acts = [
            lambda key=campaign.pk: report_figures(key, Figures(9, 3, 1, 100), source="mailer")
            for campaign in schedule_all(order)
            for _ in range(2)
        ]
        with no_deadlocks():
            assert [campaign.status for campaign in together(acts)] == ["completed"] * 4
        order.refresh_from_db()
        assert (order.status, statuses(order)) == ("completed", ["completed", "completed"])
        assert list(order.history.order_by("pk").values_list("event", flat=True))[-3:] == [
            "sent",
            "delivered",
            "payment",
        ]
        assert CampaignHistory.objects.filter(campaign__order=order).count() == 8
        assert left(shop.flyer) == stock - 2 * number


def finish_now(order: Order) -> None:
    """What nobody did, for books that add up."""
    with transaction.atomic():
        finish_campaigns(Order.objects.select_for_update().get(pk=order.pk), actor=CLERK)


def test_without_the_lock_each_of_two_last_reports_leaves_the_order_to_the_other(shop: Shop, ada: Shopper) -> None:
    """The negative control: what `finish_campaigns` looks at, looked at by two who hold only their own campaign."""
    order = paid_order(ada, shop, (shop.flyer, 2))
    both = schedule_all(order)
    barrier = threading.Barrier(2)

    def complete(campaign: Campaign) -> bool:
        with transaction.atomic():
            held = Campaign.objects.select_for_update(of=("self",)).get(pk=campaign.pk)
            Campaign.objects.filter(pk=held.pk).update(delivered=1, percentage_completed=100)
            move(held, CampaignStatus.SENDING, actor=CLERK)
            move(held, CampaignStatus.COMPLETED, actor=CLERK)
            barrier.wait(PATIENCE_S)
            was_last = not ending.is_any_open(order)
            barrier.wait(PATIENCE_S)
        return was_last

    assert together([lambda one=one: complete(one) for one in both]) == [False, False]  # type: ignore[misc]
    assert statuses(order) == ["completed", "completed"]
    finish_now(order)


def test_figures_that_race_end_at_the_highest(shop: Shop, ada: Shopper) -> None:
    (campaign,) = schedule_all(paid_order(ada, shop))
    reports = [Figures(number, 100 - number, number % 7, number) for number in range(1, 9)]
    together([lambda one=one: report_figures(campaign.pk, one, source="mailer") for one in reports])  # type: ignore[misc]
    campaign.refresh_from_db()
    assert (campaign.delivered, campaign.opened, campaign.clicked, campaign.percentage_completed) == (8, 99, 6, 8)


def test_an_order_that_is_cancelled_while_its_campaign_completes_ends_one_way_or_the_other(
    shop: Shop, ada: Shopper
) -> None:
    for _ in range(ROUNDS):
        order = paid_order(ada, shop)
        (campaign,) = schedule_all(order)
        acts: list[Any] = [
            outcome(lambda key=campaign.pk: report_figures(key, Figures(9, 3, 1, 100), source="mailer")),  # type: ignore[misc]
            outcome(lambda key=order.pk: cancel_order(key, actor=CLERK)),  # type: ignore[misc]
        ]
        with no_deadlocks():
            together(acts)
        ended = Order.objects.get(pk=order.pk)
        assert (ended.status, statuses(ended)) in (("completed", ["completed"]), ("cancelled", ["cancelled"]))
