"""Reports of a mailing system: twice, late and in any order, with the same end."""

from __future__ import annotations

import itertools
import random
from typing import Any

import pytest

from orders.campaigns.moves import CampaignRefused
from orders.campaigns.reporting import MOST, Figures, report_figures
from orders.campaigns.scheduling import cancel_campaign, schedule_campaign
from orders.cancellation import cancel_order
from orders.models import Campaign, CampaignHistory
from tests.flyers import CLERK, campaigns, paid_order, schedule_all
from tests.shop import Shop, Shopper, written

REPORTS = [
    Figures(0, 4, 0, 1),
    Figures(100, 40, 5, 20),
    Figures(5000, 1800, 200, 60),
    Figures(23520, 9876, 1234, 100),
    Figures(23520, 9900, 1300, 100),
]
NAMES = ("delivered", "opened", "clicked", "percentage_completed")


def figures(campaign: Campaign) -> tuple[int, ...]:
    return tuple(getattr(campaign, name) for name in NAMES)


def test_mails_that_are_opened_before_one_has_arrived_leave_it_scheduled(shop: Shop, ada: Shopper) -> None:
    (campaign,) = schedule_all(paid_order(ada, shop))
    reported = report_figures(campaign.pk, REPORTS[0], source="mailer")
    assert (reported.status, figures(reported)) == ("scheduled", (0, 4, 0, 1))
    assert report_figures(campaign.pk, Figures(delivered=1), source="mailer").status == "sending"


def test_a_campaign_to_nobody_is_completed_too(shop: Shop, ada: Shopper) -> None:
    (campaign,) = schedule_all(paid_order(ada, shop))
    assert report_figures(campaign.pk, Figures(percentage_completed=100), source="mailer").status == "completed"


def test_any_order_of_reports_each_of_them_any_number_of_times_ends_alike(shop: Shop, ada: Shopper) -> None:
    rng = random.Random(7)
    ways: list[list[Figures]] = [list(way) for way in rng.sample(list(itertools.permutations(REPORTS)), 6)]
    ways += [rng.choices(REPORTS, k=6) + REPORTS for _ in range(2)]
    for way in ways:
        order = paid_order(ada, shop)
        (campaign,) = schedule_all(order)
        seen = []
        for report in way:
            seen.append(figures(report_figures(campaign.pk, report, source="mailer")))
        assert seen == sorted(seen), way
        assert all(list(column) == sorted(column) for column in zip(*seen, strict=True))
        campaign.refresh_from_db()
        order.refresh_from_db()
        assert (campaign.status, figures(campaign)) == ("completed", (23520, 9900, 1300, 100))
        assert order.status == "completed"
        moves = CampaignHistory.objects.filter(campaign=campaign).order_by("pk").values_list("to_status", flat=True)
        assert list(moves) == ["draft", "scheduled", "sending", "completed"]


def test_a_report_that_says_nothing_new_writes_nothing(shop: Shop, ada: Shopper) -> None:
    (campaign,) = schedule_all(paid_order(ada, shop))
    report_figures(campaign.pk, REPORTS[2], source="mailer")
    before, row = written(), Campaign.objects.values().get()
    for report in (REPORTS[2], REPORTS[1], REPORTS[0], Figures()):
        report_figures(campaign.pk, report, source="mailer")
    assert (written(), Campaign.objects.values().get()) == (before, row)


def test_people_go_on_opening_what_is_completed(shop: Shop, ada: Shopper) -> None:
    (campaign,) = schedule_all(paid_order(ada, shop))
    report_figures(campaign.pk, REPORTS[3], source="mailer")
    late = report_figures(campaign.pk, Figures(opened=MOST), source="mailer")
    assert (late.status, figures(late)) == ("completed", (23520, MOST, 1234, 100))


def test_a_draft_is_not_reported_on(shop: Shop, ada: Shopper) -> None:
    (campaign,) = campaigns(paid_order(ada, shop))
    before, row = written(), Campaign.objects.values().get()
    with pytest.raises(CampaignRefused) as refused:
        report_figures(campaign.pk, REPORTS[3], source="mailer")
    assert refused.value.first.code == "campaign_not_scheduled"
    assert (written(), Campaign.objects.values().get()) == (before, row)


@pytest.mark.parametrize("end", ["campaign", "order"])
def test_what_had_left_before_it_was_cancelled_counts_and_moves_nothing(shop: Shop, ada: Shopper, end: str) -> None:
    order = paid_order(ada, shop)
    (campaign,) = schedule_all(order)
    ends: dict[str, Any] = {
        "campaign": lambda: cancel_campaign(campaign.pk, actor=CLERK),
        "order": lambda: cancel_order(order.pk, actor=CLERK),
    }
    ends[end]()
    order.refresh_from_db()
    status = order.status
    reported = report_figures(campaign.pk, REPORTS[4], source="mailer")
    order.refresh_from_db()
    assert (reported.status, figures(reported), order.status) == ("cancelled", (23520, 9900, 1300, 100), status)


def test_an_unknown_campaign_is_none(db: None) -> None:
    with pytest.raises(Campaign.DoesNotExist):
        report_figures(7, REPORTS[0], source="mailer")
    with pytest.raises(Campaign.DoesNotExist):
        schedule_campaign(7, actor=CLERK)
