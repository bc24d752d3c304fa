"""Flyers on /api/v1: entered by their customer while they are drafts, reported on by a mailing system with a key."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.contrib.auth.models import Group

from orders.campaigns import keys
from orders.campaigns.scheduling import schedule_campaign
from orders.models import Campaign, CampaignHistory, MailingKey, Order
from orders_project.idempotency.models import KeptAnswer
from orders_project.roles import ensure_roles
from tests import shop as shops
from tests.flyers import CLERK, CONTENT, campaigns, flyer_order, issue_key, paid_order, picture, report, schedule_all
from tests.flyers import upload as upload_image
from tests.shop import Shop, Shopper, access_of, send, written
from tests.statements import statements

ENTERED = {
    "prop_address": "1 Main St",
    "prop_desc": "<p>Sunny</p>",
    "prop_price": "835500.00",
    "headline": "Home",
    "sub_headline": "Sweet",
    "rush": True,
    "scheduled": "2030-11-06T14:23:00-06:00",
    "subject": "For sale",
    "list_name": "LA County, CA",
}


def worker(role: str) -> str:
    """An access token of somebody with this role."""
    ensure_roles()
    user = shops.hire(f"{role}@example.com")
    user.groups.add(Group.objects.get(name=role))
    return access_of(user)


def answer(method: str, path: str, by: Shopper | str | None, body: Any = b"") -> tuple[int, Any]:
    """Status and value."""
    response = send(method, f"/api/v1/orders/{path}", body, by=by)
    return response.status_code, json.loads(response.content)


def codes(problem: Any) -> list[tuple[str, str | None]]:
    return [(error["code"], error["attr"]) for error in problem["errors"]]


# --- entering -------------------------------------------------------------------------------------------------------


def test_a_customer_enters_a_draft_and_reads_it(shop: Shop, ada: Shopper) -> None:
    order = flyer_order(ada, shop, (shop.cable, 1), (shop.flyer, 2), content=None)
    assert answer("GET", f"{order.number}/flyers/2/", ada)[1]["headline"] == ""
    status, flyer = answer("PATCH", f"{order.pk}/flyers/2/", ada, ENTERED)
    made = campaigns(order)[1]
    assert (status, flyer) == (
        200,
        {
            **ENTERED,
            "id": made.pk,
            "position": 2,
            "line": 2,
            "status": "Draft",
            "prop_currency": "USD",
            "main_image": "",
            "scheduled": "2030-11-06T20:23:00Z",
            "delivered": 0,
            "opened": 0,
            "clicked": 0,
            "percentage_completed": 0,
        },
    )
    assert answer("GET", f"{order.pk}/flyers/2", ada) == (200, flyer)
    listed = answer("GET", f"{order.pk}/flyers/", ada)[1]
    assert [row["position"] for row in listed["results"]] == [1, 2]
    assert listed["results"][1] == flyer
    last = made.history.order_by("pk").last()
    assert last is not None
    assert (last.actor_kind, last.actor_id) == ("customer", ada.user.pk)


def test_a_flyer_may_be_sent_back_as_order_retrieval_shows_it(shop: Shop, ada: Shopper) -> None:
    order = flyer_order(ada, shop, content=None)
    image = json.loads(upload_image(picture(), ada).content)["main_image"]
    sent = {"prop_price": "$835,500", "rush": "1", "scheduled": "2030-11-06T14:23:00-06:00", "main_image": image}
    status, flyer = answer("PATCH", f"{order.pk}/flyers/1/", ada, sent)
    assert (status, flyer["prop_price"], flyer["rush"], flyer["main_image"]) == (200, "835500.00", True, image)
    again = {"prop_price": 1200, "rush": "0", "main_image": None}
    status, flyer = answer("PATCH", f"{order.pk}/flyers/1/", ada, again)
    assert (status, flyer["prop_price"], flyer["rush"], flyer["main_image"]) == (200, "1200.00", False, "")
    status, flyer = answer("PATCH", f"{order.pk}/flyers/1/", ada, {"prop_price": None, "scheduled": None})
    assert (status, flyer["prop_price"], flyer["prop_currency"], flyer["scheduled"]) == (200, None, "", None)


def test_a_price_keeps_its_currency_unless_another_is_named(shop: Shop, ada: Shopper) -> None:
    order = flyer_order(ada, shop, content=None)
    path = f"{order.pk}/flyers/1/"
    assert answer("PATCH", path, ada, {"prop_price": "1200", "prop_currency": "JPY"})[1]["prop_price"] == "1200"
    flyer = answer("PATCH", path, ada, {"prop_price": "1300"})[1]
    assert (flyer["prop_price"], flyer["prop_currency"]) == ("1300", "JPY")
    assert answer("PATCH", path, ada, {"prop_price": "1300.5"})[0] == 400


BAD: list[tuple[Any, list[tuple[str, str | None]]]] = [
    ({"headline": 1}, [("invalid", "headline")]),
    ({"headline": "x" * 201}, [("max_length", "headline")]),
    ({"headline": "a\nb"}, [("invalid", "headline")]),
    ({"headline": None}, [("null", "headline")]),
    ({"head_line": "x"}, [("unknown", "head_line")]),
    ({"status": "Completed"}, [("unknown", "status")]),
    ({"delivered": 1}, [("unknown", "delivered")]),
    ({"prop_desc": "x" * 20_001}, [("max_length", "prop_desc")]),
    ({"prop_desc": ["x"]}, [("invalid", "prop_desc")]),
    ({"prop_price": "-1"}, [("amount_invalid", "prop_price")]),
    ({"prop_price": -1}, [("amount_invalid", "prop_price")]),
    ({"prop_price": True}, [("amount_invalid", "prop_price")]),
    ({"prop_price": "1,00"}, [("amount_invalid", "prop_price")]),
    ({"prop_price": "€5"}, [("amount_invalid", "prop_price")]),
    ({"prop_price": "\u0661"}, [("amount_invalid", "prop_price")]),
    ({"prop_price": "1.005"}, [("amount_invalid", "prop_price")]),
    ({"prop_price": "9" * 18}, [("amount_invalid", "prop_price")]),
    ({"prop_price": "9" * 19}, [("amount_invalid", "prop_price")]),
    ({"prop_price": "1", "prop_currency": "XXX"}, [("amount_invalid", "prop_price")]),
    ({"prop_currency": "EUR"}, [("prop_price_missing", "prop_currency")]),
    ({"rush": 2}, [("invalid", "rush")]),
    ({"rush": 1.0}, [("invalid", "rush")]),
    ({"rush": "yes"}, [("invalid", "rush")]),
    ({"rush": []}, [("invalid", "rush")]),
    ({"rush": None}, [("null", "rush")]),
    ({"scheduled": "2030-11-06T14:23:00"}, [("instant_invalid", "scheduled")]),
    ({"scheduled": "2030-11-06"}, [("instant_invalid", "scheduled")]),
    ({"scheduled": "1970-01-01T00:00:00Z"}, [("instant_invalid", "scheduled")]),
    ({"scheduled": "9999-12-31T23:59:59-23:59"}, [("instant_invalid", "scheduled")]),
    ({"scheduled": 5}, [("instant_invalid", "scheduled")]),
    ({"main_image": "/uploads/" + "0" * 32 + ".jpg"}, [("image_not_found", "main_image")]),
    ({"main_image": "/uploads/../secret.jpg"}, [("image_not_found", "main_image")]),
    ({"main_image": "https://evil.example/x.jpg"}, [("image_not_found", "main_image")]),
    ({"main_image": 7}, [("invalid", "main_image")]),
    ([], [("invalid", "non_field_errors")]),
]


def test_what_cannot_be_entered_changes_nothing(shop: Shop, ada: Shopper, bob: Shopper) -> None:
    order = flyer_order(ada, shop)
    theirs = json.loads(upload_image(picture(), bob).content)["main_image"]
    before, row = written(), Campaign.objects.values().get()
    for body, wanted in [*BAD, ({"main_image": theirs}, [("image_not_found", "main_image")])]:
        status, problem = answer("PATCH", f"{order.pk}/flyers/1/", ada, body)
        assert (status, codes(problem)) == (400, wanted), body
    assert (written(), Campaign.objects.values().get()) == (before, row)


def test_what_is_scheduled_is_not_entered_any_more(shop: Shop, ada: Shopper) -> None:
    order = paid_order(ada, shop)
    schedule_all(order)
    before = written()
    status, problem = answer("PATCH", f"{order.pk}/flyers/1/", ada, {"headline": "x"})
    assert (status, codes(problem)) == (409, [("campaign_not_draft", None)])
    assert written() == before


@pytest.mark.parametrize("flyer", ["0", "2", "-1", "x", "1.0", "01", "99999", "\N{FULLWIDTH DIGIT ONE}", "%00", "1%0A"])
def test_a_flyer_that_the_order_has_not_is_not_found(shop: Shop, ada: Shopper, flyer: str) -> None:
    order = flyer_order(ada, shop)
    for method in ("GET", "PATCH"):
        assert answer(method, f"{order.pk}/flyers/{flyer}/", ada, {} if method == "PATCH" else b"")[0] == 404


def test_anothers_flyers_do_not_exist(shop: Shop, ada: Shopper, bob: Shopper) -> None:
    order = flyer_order(bob, shop)
    before = written()
    for method, path in (("GET", "flyers/"), ("GET", "flyers/1/"), ("PATCH", "flyers/1/")):
        body = {"headline": "mine"} if method == "PATCH" else b""
        assert answer(method, f"{order.pk}/{path}", ada, body)[0] == 404
        assert answer(method, f"{order.pk}/{path}", None, body)[0] == 401
    assert written() == before


def test_staff_read_and_enter_by_their_rights(shop: Shop, ada: Shopper) -> None:
    order = flyer_order(ada, shop)
    for role, reads, enters in (("campaigns", 200, 200), ("support", 200, 403), ("catalogue", 404, 404)):
        by = worker(role)
        assert answer("GET", f"{order.pk}/flyers/1/", by)[0] == reads, role
        before = written()
        assert answer("PATCH", f"{order.pk}/flyers/1/", by, {"headline": role})[0] == enters, role
        assert (written() == before) == (enters != 200)
    last = CampaignHistory.objects.order_by("pk").last()
    assert last is not None
    assert (last.actor_kind, campaigns(order)[0].headline) == ("staff", "campaigns")


def test_staff_use_images_that_they_have_uploaded_and_the_customers(shop: Shop, ada: Shopper, bob: Shopper) -> None:
    order, by = flyer_order(ada, shop), worker("campaigns")
    paths = [json.loads(upload_image(picture(), one).content)["main_image"] for one in (by, ada, bob)]
    statuses = [answer("PATCH", f"{order.pk}/flyers/1/", by, {"main_image": path})[0] for path in paths]
    assert statuses == [200, 200, 400]
    # What staff have put there may stay when the customer changes the rest.
    answer("PATCH", f"{order.pk}/flyers/1/", by, {"main_image": paths[0]})
    kept = {"main_image": paths[0], "headline": "x"}
    assert answer("PATCH", f"{order.pk}/flyers/1/", ada, kept)[0] == 200


def test_lists_come_in_pages_and_cost_the_same(shop: Shop, ada: Shopper) -> None:
    order = flyer_order(ada, shop, (shop.flyer, 30))
    first = answer("GET", f"{order.pk}/flyers/?limit=20", ada)[1]
    assert [row["position"] for row in first["results"]] == list(range(1, 21))
    second = answer("GET", first["next"].partition("/api/v1/orders/")[2], ada)[1]
    assert ([row["position"] for row in second["results"]], second["next"]) == (list(range(21, 31)), None)
    with statements() as told:
        answer("GET", f"{order.pk}/flyers/?limit=30", ada)
    assert len(told) == 3


# --- reports --------------------------------------------------------------------------------------------------------


def test_a_mailing_system_reports_until_the_order_is_completed(shop: Shop, ada: Shopper) -> None:
    order, key = paid_order(ada, shop), issue_key()
    (campaign,) = schedule_all(order)
    first = report(campaign, key, delivered=23520, opened=9876, clicked=1234, percentage_completed=99)
    assert (first.status_code, json.loads(first.content)) == (
        200,
        {
            "id": campaign.pk,
            "status": "Sending",
            "delivered": 23520,
            "opened": 9876,
            "clicked": 1234,
            "percentage_completed": 99,
        },
    )
    last = report(campaign, key, percentage_completed=100)
    assert json.loads(last.content)["status"] == "Completed"
    order.refresh_from_db()
    assert order.status == "completed"
    used = MailingKey.objects.get()
    assert used.last_used_at is not None


def test_a_key_is_not_kept_and_counts_until_it_is_revoked(shop: Shop, ada: Shopper) -> None:
    (campaign,) = schedule_all(paid_order(ada, shop))
    key, other = issue_key(), issue_key("another")
    assert key not in str(list(MailingKey.objects.values()))
    for wrong in (None, "", "mailkey_" + "0" * 64, key[:-1], key + "0", key.upper(), ada.access, "\x00", "é"):
        before = written()
        response = report(campaign, wrong, delivered=1)
        assert response.status_code == 401, wrong
        assert response["WWW-Authenticate"] == "apikey"
        assert written() == before
    assert keys.revoke_key(MailingKey.objects.get(name="mailer").pk)
    assert not keys.revoke_key(MailingKey.objects.get(name="mailer").pk)
    assert report(campaign, key, delivered=1).status_code == 401
    assert report(campaign, other, delivered=1).status_code == 200


def test_nobody_reports_by_signing_in(shop: Shop, ada: Shopper) -> None:
    (campaign,) = schedule_all(paid_order(ada, shop))
    root = access_of(shops.hire("root@example.com", is_superuser=True))
    for by in (ada, root):
        path = f"/api/v1/flyers/{campaign.pk}/figures/"
        assert send("POST", path, {"delivered": 1}, by=by).status_code == 401


@pytest.mark.parametrize(
    "body",
    [
        {"percentage_completed": 101},
        {"percentage_completed": -1},
        {"percentage_completed": 12.5},
        {"percentage_completed": "12"},
        {"percentage_completed": True},
        {"delivered": None},
        {"delivered": 2**31},
        {"delivered": 2**63},
        {"status": "Completed"},
        {"delivered": []},
        [],
        b"{",
        b'{"delivered": NaN}',
    ],
    ids=repr,
)
def test_a_report_of_what_cannot_be_changes_nothing(shop: Shop, ada: Shopper, body: Any) -> None:
    (campaign,) = schedule_all(paid_order(ada, shop))
    key = issue_key()
    row = Campaign.objects.values().get()
    assert report(campaign, key, body).status_code == 400
    assert Campaign.objects.values().get() == row


def test_a_draft_is_a_conflict_and_what_is_none_not_found(shop: Shop, ada: Shopper) -> None:
    (campaign,) = campaigns(paid_order(ada, shop))
    key = issue_key()
    refused = report(campaign, key, delivered=1)
    assert (refused.status_code, codes(json.loads(refused.content))) == (409, [("campaign_not_scheduled", None)])
    for strange in ("0", "x", "9" * 18, "9" * 19, "\N{FULLWIDTH DIGIT ONE}", str(campaign.pk + 1)):
        response = send("POST", f"/api/v1/flyers/{strange}/figures/", {"delivered": 1}, headers={"apikey": key})
        assert response.status_code == 404, strange
    schedule_campaign(campaign.pk, actor=CLERK)
    assert report(campaign, key, {}).status_code == 200


def test_a_report_under_an_idempotency_key_gets_its_first_answer(shop: Shop, ada: Shopper) -> None:
    (campaign,) = schedule_all(paid_order(ada, shop))
    key = issue_key()
    first = report(campaign, key, idem="r-1", delivered=5)
    report(campaign, key, delivered=9)
    again = report(campaign, key, idem="r-1", delivered=5)
    assert (again.status_code, again.content) == (200, first.content)
    assert KeptAnswer.objects.get().principal.startswith("mailing:")
    assert report(campaign, key, idem="r-1", delivered=6).status_code == 422
    assert report(campaign, "mailkey_" + "0" * 64, idem="r-1", delivered=5).status_code == 401


def test_what_it_says_by_default_is_what_was_placed(shop: Shop, ada: Shopper) -> None:
    order: Order = flyer_order(ada, shop)
    flyer = answer("GET", f"{order.pk}/flyers/1/", ada)[1]
    assert (flyer["subject"], flyer["prop_price"]) == (CONTENT.subject, "835500.00")
