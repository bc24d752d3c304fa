"""Every piece of a flyer line is a campaign, made by the transaction that places its order, through any dialect."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kit.money import Money
from orders.campaigns.checking import MAX_PIECES
from orders.campaigns.content import FlyerContent
from orders.checks import OrderRefused
from orders.models import Campaign, CampaignHistory, Order
from orders.placement import place_order
from tests import shop as shops
from tests.flyers import CONTENT, campaigns, flyer_order
from tests.shop import WITH_PAYMENT, Shop, Shopper, item, order_body, purchase, send, text_of, written
from tests.statements import statements


def test_two_lines_and_a_line_of_two_are_two_campaigns_each(shop: Shop, ada: Shopper) -> None:
    for lines, of_line in (([1, 1], [1, 2]), ([2], [1, 1])):
        order = flyer_order(ada, shop, *[(shop.flyer, pieces) for pieces in lines])
        made = campaigns(order)
        assert [(one.position, one.line.position, one.status) for one in made] == [
            (1, of_line[0], "draft"),
            (2, of_line[1], "draft"),
        ]
        assert [one.headline for one in made] == [CONTENT.headline] * 2
        assert made[0].pk < made[1].pk


def test_what_it_says_is_written_with_the_order(shop: Shop, ada: Shopper) -> None:
    content = replace(CONTENT, rush=True, prop_desc="<p>a</p><script>b</script>", prop_price=Money(1234, "KWD"))
    (made,) = campaigns(flyer_order(ada, shop, content=content))
    assert (made.prop_address, made.prop_desc, made.rush) == (CONTENT.prop_address, "<p>a</p>", True)
    assert (made.prop_price_minor, made.prop_currency, made.prop_price) == (1234, "KWD", Money(1234, "KWD"))
    assert (made.headline, made.sub_headline, made.subject, made.list_name) == (
        CONTENT.headline,
        CONTENT.sub_headline,
        CONTENT.subject,
        CONTENT.list_name,
    )
    assert (made.scheduled_at, made.main_image) == (CONTENT.scheduled_at, None)
    assert (made.delivered, made.opened, made.clicked, made.percentage_completed) == (0, 0, 0, 0)


def test_it_begins_with_who_placed_it(shop: Shop, ada: Shopper) -> None:
    order = flyer_order(ada, shop, (shop.flyer, 3))
    rows = CampaignHistory.objects.filter(campaign__order=order)
    assert [(row.from_status, row.to_status, row.actor_kind, row.actor_id) for row in rows] == [
        ("", "draft", "customer", ada.user.pk)
    ] * 3


def test_the_storefront_sells_flyers_that_are_entered_later(shop: Shop, ada: Shopper, sandbox: object) -> None:
    body = order_body(ada, shop.standard, item(shop.cable), item(shop.flyer, 2))
    response = send("POST", WITH_PAYMENT, body, by=ada)
    assert response.status_code == 200, response.content
    made = campaigns(Order.objects.get())
    assert [(one.line.position, one.status, one.headline) for one in made] == [(2, "draft", ""), (2, "draft", "")]


def test_an_order_has_so_many_flyers_and_no_more(shop: Shop, ada: Shopper) -> None:
    flyer_order(ada, shop, (shop.flyer, MAX_PIECES - 1), (shop.flyer, 1))
    assert Campaign.objects.count() == MAX_PIECES
    shops.deliver_goods(shop.flyer, 1000)
    before = written()
    with pytest.raises(OrderRefused) as refused:
        flyer_order(ada, shop, (shop.flyer, MAX_PIECES), (shop.flyer, 1))
    assert refused.value.first.code == "too_many_flyers"
    response = send("POST", WITH_PAYMENT, order_body(ada, shop.standard, item(shop.flyer, 501)), by=ada)
    assert (response.status_code, text_of(response)) == (400, "An order can have at most 500 flyers, not 501")
    assert written() == before


def test_only_a_flyer_says_something(shop: Shop, ada: Shopper) -> None:
    made = purchase(ada, shop.standard, (shop.cable, 1))
    strange = replace(made, items=(replace(made.items[0], flyer=FlyerContent(headline="x")),))
    before = written()
    with pytest.raises(OrderRefused) as refused:
        place_order(strange)
    assert [(fault.code, fault.at) for fault in refused.value.faults] == [
        ("flyer_not_expected", ("items", 0, "flyer")),
        ("delivery_unfit", ("delivery_method",)),
    ]
    assert written() == before


def test_what_is_sold_out_leaves_no_campaign(shop: Shop, ada: Shopper) -> None:
    shops.deliver_goods(shop.flyer, -999)
    before = written()
    with pytest.raises(OrderRefused):
        flyer_order(ada, shop, (shop.flyer, 2))
    assert written() == before


def test_flyers_cost_one_statement_however_many_there_are(shop: Shop, ada: Shopper) -> None:
    counts = []
    for wanted in ([(shop.flyer, 1)], [(shop.flyer, 5), (shop.flyer, 7)] * 4):
        with statements() as told:
            flyer_order(ada, shop, *wanted)
        counts.append(len(told))
    # The six of placing, and one.
    assert counts == [7, 7]
