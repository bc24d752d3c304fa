"""Flyer campaigns and keys of mailing systems in the back office: who sees, enters, schedules and calls off what."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from kit.money import Money
from orders.campaigns import keys
from orders.campaigns.reporting import Figures, report_figures
from orders.models import Campaign, CampaignHistory, FlyerImage, MailingKey, Order
from tests.admin.conftest import EVERYBODY, SUPERUSER, SignIn, messages_of
from tests.admin.conftest import page as order_page
from tests.admin.test_roles import SEE_ORDERS, _refusal
from tests.flyers import CONTENT, campaigns, flyer_order, paid_order, picture, report, schedule_all
from tests.shop import Shop, Shopper, written

LIST = "/admin/orders/campaign/"
TYPED = {
    "prop_address": "2 Side St",
    "prop_desc": "<p>New</p><script>x</script>",
    "prop_price": "1000000",
    "prop_currency": "USD",
    "headline": "New headline",
    "sub_headline": "",
    "rush": "on",
    "scheduled_at": "2031-05-06T07:08",
    "subject": "New subject",
    "list_name": "Orange County, CA",
}
ACTS = {
    "edit": {"campaigns", SUPERUSER},
    "schedule": {"campaigns", SUPERUSER},
    "take_back": {"campaigns", SUPERUSER},
    "cancel": {"campaigns", SUPERUSER},
}
SECRET = re.compile(r"mailkey_[0-9a-f]{64}")


def page(campaign: Campaign, what: str = "change") -> str:
    """The address of a campaign's page or of one of its acts."""
    return f"{LIST}{campaign.pk}/{what}/"


@pytest.fixture
def clerk(sign_in: SignIn) -> Client:
    """Somebody who looks after flyers."""
    return sign_in("campaigns")


@pytest.fixture
def order(ada: Shopper, goods: Shop) -> Order:
    """Two flyers, paid."""
    return paid_order(ada, goods, (goods.flyer, 2))


def test_a_clerk_enters_schedules_and_follows_a_campaign(clerk: Client, order: Order) -> None:
    campaign, other = campaigns(order)
    form = clerk.get(page(campaign, "edit"))
    assert b'enctype="multipart/form-data"' in form.content
    upload = {"image": SimpleUploadedFile("x.svg", picture("PNG"), "image/svg+xml")}
    done = clerk.post(page(campaign, "edit"), {**TYPED, **upload}, follow=True)
    assert messages_of(done) == ["The campaign says so now."]
    campaign.refresh_from_db()
    assert (campaign.prop_desc, campaign.prop_price, campaign.rush) == ("<p>New</p>", Money(100_000_000, "USD"), True)
    assert (campaign.headline, campaign.sub_headline, campaign.list_name) == ("New headline", "", "Orange County, CA")
    assert campaign.scheduled_at is not None
    assert campaign.scheduled_at.isoformat() == "2031-05-06T07:08:00+00:00"
    image = FlyerImage.objects.get()
    assert (campaign.main_image, image.customer_id) == (image, order.customer_id)
    assert messages_of(clerk.post(page(campaign, "schedule"), follow=True)) == ["The campaign is scheduled."]
    report_figures(campaign.pk, Figures(23520, 9876, 1234, 40), source="mailer")
    shown = clerk.get(page(campaign)).content.decode()
    for text in ("23520", "9876", "1234", "40 %", "New headline", "<p>New</p>", image.path, "mailer", "campaigns@"):
        assert text in shown, text
    last = CampaignHistory.objects.filter(campaign=campaign, to_status="scheduled").get()
    assert (last.actor_kind, last.actor and last.actor.email) == ("staff", "campaigns@example.com")
    other.refresh_from_db()
    assert (other.status, other.headline) == ("draft", CONTENT.headline)


def test_the_form_begins_with_what_is_there_and_keeps_its_image(clerk: Client, order: Order) -> None:
    campaign, _ = campaigns(order)
    clerk.post(page(campaign, "edit"), {**TYPED, "image": SimpleUploadedFile("x.jpg", picture())})
    fields = clerk.get(page(campaign, "edit")).context["form"].fields
    assert fields["scheduled_at"].initial == "2031-05-06T07:08:00"
    assert (fields["prop_price"].initial, fields["headline"].initial) == ("1000000.00", "New headline")
    clerk.post(page(campaign, "edit"), {**TYPED, "headline": "Another"})
    campaign.refresh_from_db()
    assert (campaign.headline, campaign.main_image is not None) == ("Another", True)
    clerk.post(page(campaign, "edit"), {**TYPED, "prop_price": "", "scheduled_at": "", "without_image": "on"})
    campaign.refresh_from_db()
    assert (campaign.main_image, campaign.prop_price, campaign.scheduled_at) == (None, None, None)


def test_a_large_picture_may_be_uploaded_here_too(clerk: Client, order: Order, settings: Any) -> None:
    campaign, _ = campaigns(order)
    large = picture("PNG", (700, 700)) + bytes(settings.MAX_BODY_BYTES)
    clerk.post(page(campaign, "edit"), {**TYPED, "image": SimpleUploadedFile("x.png", large)})
    assert FlyerImage.objects.count() == 1


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"prop_price": "1.005"}, "prop_price"),
        ({"prop_price": "-1"}, "prop_price"),
        ({"prop_currency": "XXX"}, "prop_currency"),
        ({"scheduled_at": "soon"}, "scheduled_at"),
        ({"headline": "x" * 201}, "headline"),
        ({"image": b"<svg/>"}, "image"),
    ],
)
def test_what_cannot_be_entered_stays_on_the_form(clerk: Client, order: Order, changes: Any, field: str) -> None:
    campaign, _ = campaigns(order)
    if "image" in changes:
        changes = {"image": SimpleUploadedFile("x.png", changes["image"])}
    before = written()
    answer = clerk.post(page(campaign, "edit"), {**TYPED, **changes})
    assert answer.status_code == 200
    assert answer.context["form"].errors[field]
    assert written() == before


def test_what_is_refused_is_said_and_nothing_is_written(root: Client, ada: Shopper, goods: Shop, order: Order) -> None:
    first, second = campaigns(order)
    (empty,) = campaigns(flyer_order(ada, goods, content=None))
    (over,) = campaigns(flyer_order(ada, goods, content=replace(CONTENT, scheduled_at=order.placed_at)))
    schedule_all(order)
    report_figures(second.pk, Figures(1, 0, 0, 100), source="mailer")
    before = written()
    for campaign, act, told in (
        (first, "edit", "This campaign is Scheduled: only a draft can be changed and scheduled."),
        (first, "schedule", "This campaign is Scheduled: only a draft can be changed and scheduled."),
        (second, "take_back", "This campaign is Completed: only a scheduled one can be taken back."),
        (second, "cancel", "This campaign is Completed: nothing of it is left to be sent."),
        (empty, "schedule", "Enter this first: headline, subject, list name, scheduled."),
        (over, "schedule", "The time that it is scheduled for is over: enter another."),
    ):
        assert messages_of(root.post(page(campaign, act), TYPED, follow=True)) == [told]
    assert written() == before


def test_an_order_with_flyers_on_their_way_is_not_delivered_by_hand(root: Client, order: Order) -> None:
    root.post(order_page(order, "send"), {"carrier": "", "tracking_number": ""}, follow=True)
    before = written()
    told = messages_of(root.post(order_page(order, "deliver"), follow=True))
    assert told == ["A flyer campaign of this order is still to be sent: it is delivered once none is left."]
    assert written() == before


def test_taking_back_and_calling_off(clerk: Client, order: Order) -> None:
    first, second = schedule_all(order)
    assert messages_of(clerk.post(page(first, "take_back"), follow=True)) == ["The campaign is a draft again."]
    told = messages_of(clerk.post(page(second, "cancel"), {"reason": "twice <b>"}, follow=True))
    assert told == ["The campaign is cancelled. Its money is given back on the page of its order."]
    assert [one.status for one in campaigns(order)] == ["draft", "cancelled"]
    assert "reason: twice &lt;b&gt;" in clerk.get(page(second)).content.decode()


@pytest.mark.parametrize("role", EVERYBODY)
def test_each_act_is_for_those_with_its_right(role: str, sign_in: SignIn, order: Order) -> None:
    campaign, _ = campaigns(order)
    client = sign_in(role)
    assert client.get(page(campaign)).status_code == (200 if role in SEE_ORDERS else _refusal(role))
    for act, may in ACTS.items():
        if role in may:
            assert client.get(page(campaign, act)).status_code == 200
            continue
        before = written()
        for answer in (client.get(page(campaign, act)), client.post(page(campaign, act), TYPED)):
            assert answer.status_code == _refusal(role), (role, act)
        assert written() == before
    shown = {act for act in ACTS if f'href="{page(campaign, act)}"' in client.get(page(campaign)).content.decode()}
    assert shown == ({"edit", "schedule", "cancel"} if role in ACTS["edit"] else set())


def test_campaigns_are_found_by_state_rush_order_and_number(
    root: Client, ada: Shopper, goods: Shop, order: Order
) -> None:
    (rushed,) = campaigns(flyer_order(ada, goods, content=replace(CONTENT, rush=True)))
    first, second = schedule_all(order)

    def found(**query: str) -> list[int]:
        response = root.get(LIST, query)
        assert response.status_code == 200
        return [row.pk for row in response.context["cl"].result_list]

    assert found() == [rushed.pk, second.pk, first.pk]
    assert found(status="scheduled") == [second.pk, first.pk]
    assert found(rush="True") == [rushed.pk]
    assert found(q=str(order.number)) == [second.pk, first.pk]
    assert found(q=f"#{first.pk}") == [first.pk]
    for garbage in ("x", "9" * 19, "\u0661", "'", "<script>"):
        assert found(q=garbage) == []
    assert found(status="lost", rush="maybe") == found()


def test_lists_and_pages_cost_the_same_however_many_there_are(root: Client, ada: Shopper, goods: Shop) -> None:
    def statements(address: str) -> int:
        root.get(address)
        with CaptureQueriesContext(connection) as captured:
            assert root.get(address).status_code == 200
        return len(captured.captured_queries)

    few = paid_order(ada, goods)
    counts = [(statements(LIST), statements(page(campaigns(few)[0])), statements(order_page(few)))]
    many = paid_order(ada, goods, (goods.flyer, 20))
    counts.append((statements(LIST), statements(page(campaigns(many)[0])), statements(order_page(many))))
    assert counts[0] == counts[1]


def test_an_order_shows_its_campaigns(root: Client, order: Order) -> None:
    first, _ = schedule_all(order)
    report_figures(first.pk, Figures(23520, 9876, 1234, 40), source="mailer")
    content = root.get(order_page(order)).content.decode()
    for text in ("Flyer campaigns", page(first), "23520 delivered", "40 %", CONTENT.headline):
        assert text in content, text


def test_what_customers_wrote_is_shown_as_text(root: Client, ada: Shopper, goods: Shop) -> None:
    evil = "<script>alert(1)</script>"
    content = replace(
        CONTENT, headline=evil, prop_address=evil, subject=evil, list_name=evil, prop_desc=f"<p>x</p>{evil}"
    )
    order = flyer_order(ada, goods, content=content)
    (campaign,) = campaigns(order)
    # Around the only door: what the page shows is cleaned again.
    with connection.cursor() as cursor:
        cursor.execute("UPDATE orders_campaign SET prop_desc = %s", [f"<p>x</p>{evil}<img src=x onerror=alert(1)>"])
    for address in (LIST, page(campaign), page(campaign, "edit"), page(campaign, "cancel"), order_page(order)):
        shown = root.get(address).content.decode()
        assert evil not in shown, address
        assert "<img src=x" not in shown, address


# --- keys -----------------------------------------------------------------------------------------------------------


def test_a_new_key_is_shown_this_once(sign_in: SignIn, ada: Shopper, goods: Shop) -> None:
    client, address = sign_in("integrations"), "/admin/orders/mailingkey/"
    response = client.post(f"{address}add/", {"name": "Mailer"})
    (secret,) = set(SECRET.findall(response.content.decode()))
    assert (response.status_code, "no-store" in response["Cache-Control"]) == (200, True)
    key = MailingKey.objects.get()
    assert (key.name, key.hint, key.issued_by and key.issued_by.email) == (
        "Mailer",
        secret[-4:],
        "integrations@example.com",
    )
    assert LogEntry.objects.filter(change_message__contains=secret).count() == 0
    for shown in (client.get(address), client.get(f"{address}{key.pk}/change/")):
        assert not SECRET.search(shown.content.decode())
        assert key.digest not in shown.content.decode()
    (campaign,) = schedule_all(paid_order(ada, goods))
    assert report(campaign, secret, delivered=1).status_code == 200
    revoke = f"{address}{key.pk}/revoke/"
    assert client.get(revoke).status_code == 200
    assert messages_of(client.post(revoke, follow=True)) == ["The key counts no more."]
    assert messages_of(client.post(revoke, follow=True)) == ["It was revoked before."]
    assert report(campaign, secret, delivered=2).status_code == 401
    assert f'href="{revoke}"' not in client.get(f"{address}{key.pk}/change/").content.decode()


@pytest.mark.parametrize("role", EVERYBODY)
def test_keys_are_for_those_who_connect_systems(role: str, sign_in: SignIn, goods: Shop) -> None:
    keys.issue_key(MailingKey(name="mailer"), by=None)
    client, key = sign_in(role), MailingKey.objects.get()
    may = role in ("integrations", SUPERUSER)
    before = written()
    for what in ("change", "revoke"):
        answer = client.get(f"/admin/orders/mailingkey/{key.pk}/{what}/")
        assert answer.status_code == (200 if may else _refusal(role)), what
    changed = client.post(f"/admin/orders/mailingkey/{key.pk}/change/", {"name": "mine"})
    assert changed.status_code == _refusal(role)
    assert client.post(f"/admin/orders/mailingkey/{key.pk}/delete/", {"post": "yes"}).status_code == _refusal(role)
    key.refresh_from_db()
    assert (key.name, written()) == ("mailer", before)
