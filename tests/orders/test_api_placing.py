"""POST /api/v1/orders/: an order with all that can be said about one, placed by the same acts as the storefront's."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from django.db import connection
from drf_spectacular.generators import SchemaGenerator
from jsonschema import Draft4Validator  # type: ignore[import-untyped]  # comes without types

from catalog.models import Variant
from orders import actors
from orders.campaigns.reporting import Figures, report_figures
from orders.campaigns.scheduling import schedule_campaign
from orders.cash import collect_cash
from orders.models import Order, RefundKind
from orders.returns import request_refund
from orders.returns.plans import RefundWish
from orders.settlement import settle
from payments import collecting
from payments.models import PaymentRequest, RefundDestination
from tests import shop as shops
from tests.flyers import CLERK, campaigns, issue_coupon, picture, upload
from tests.gateway_process import SandboxProcess
from tests.orders.test_api_flyers import ENTERED, codes
from tests.shop import Article, Shop, Shopper, access_of, hire, send, written
from tests.statements import statements

PATH = "/api/v1/orders/"
ADDRESS = {
    "street": "8560 Sunset Blvd",
    "city": "West Hollywood",
    "state": "CA",
    "postal_code": "90069",
    "country": "US",
}


def line(article: Article, quantity: Any = 1, **fields: Any) -> dict[str, Any]:
    """One of the items."""
    return {"product_id": str(article.product_id), "quantity": quantity, **fields}


def body(*items: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """An order."""
    return {"items": list(items), "address": ADDRESS, **fields}


def place(by: Shopper | str | None, sent: Any, key: str | None = None) -> tuple[int, Any]:
    """Status and value."""
    response = send("POST", PATH, sent, by=by, key=key)
    return response.status_code, json.loads(response.content)


def test_a_flyer_is_bought_paid_and_sent_from_one_request_on(shop: Shop, ada: Shopper, sandbox: SandboxProcess) -> None:
    image = json.loads(upload(picture(), ada).content)["main_image"]
    sent = body(
        line(shop.flyer, flyer={**ENTERED, "main_image": image}),
        line(shop.flyer, unit_price="49.00"),
        first_name="Owen",
        last_name="Salkin",
        phone="310-850-0283",
        notes="Two\nlines",
    )
    response = send("POST", PATH, sent, by=ada)
    assert response.status_code == 201, response.content
    answer = json.loads(response.content)
    order = Order.objects.get()
    assert response["Location"] == f"/api/v1/orders/{order.pk}/"
    payment = answer.pop("payment")
    assert (payment["gateway"], payment["amount"], payment["state"]) == ("stripe", "98.00", "open")
    assert payment["client_secret"].startswith(payment["gateway_reference"])
    assert answer == json.loads(send("GET", response["Location"], by=ada).content)
    assert (order.dialect, order.delivery_method, order.delivery_minor, order.total_minor) == ("api", None, 0, 9800)
    assert (order.first_name, order.last_name, order.phone, order.notes) == (
        "Owen",
        "Salkin",
        "310-850-0283",
        "Two\nlines",
    )
    first, second = campaigns(order)
    assert (first.headline, first.main_image and first.main_image.path, second.headline) == ("Home", image, "")
    sandbox.pay(payment["client_secret"], webhook="none")
    request = PaymentRequest.objects.get()
    settle(order.pk, actor=actors.GATEWAY, report=collecting.fetch(request))
    send("PATCH", f"{PATH}{order.number}/flyers/2/", ENTERED, by=ada)
    for campaign in (first, second):
        schedule_campaign(campaign.pk, actor=CLERK)
        report_figures(campaign.pk, Figures(9, 3, 1, 100), source="mailer")
    assert json.loads(send("GET", response["Location"], by=ada).content)["status"] == "Completed"


def test_goods_need_a_way_to_travel(shop: Shop, ada: Shopper) -> None:
    before = written()
    status, problem = place(ada, body(line(shop.cable), line(shop.flyer)))
    assert (status, codes(problem)) == (400, [("delivery_method_not_found", "delivery_method_id")])
    status, problem = place(ada, body(line(shop.flyer), payment_terms="on_delivery"))
    assert (status, codes(problem)) == (400, [("delivery_method_not_found", "delivery_method_id")])
    assert written() == before


def test_an_order_on_delivery_waits_for_no_payment(shop: Shop, ada: Shopper) -> None:
    sent = body(line(shop.cable, 2), payment_terms="on_delivery", delivery_method_id=str(shop.cash))
    status, answer = place(ada, sent)
    assert (status, answer["payment"], answer["payment_terms"], answer["total"]) == (201, None, "on_delivery", "24.00")
    assert shops.left(shop.cable) == 998


def test_razorpay_gets_its_key(shop: Shop, ada: Shopper, sandbox: SandboxProcess) -> None:
    address = {**ADDRESS, "country": "India", "state": "Maharashtra"}
    sent = body(line(shop.sari), address=address, delivery_method_id=str(shop.indian), gateway="razorpay")
    status, answer = place(ada, sent)
    assert (status, answer["payment"]["key_id"], answer["address"]["country"]) == (201, "rzp_test_sandbox", "IN")


def test_a_coupon_that_covers_all_pays_at_once(shop: Shop, ada: Shopper) -> None:
    issue_coupon("ALL100")
    status, answer = place(ada, body(line(shop.flyer), coupon_code="all 100"))
    assert (status, answer["status"], answer["total"], answer["payment"]) == (201, "Paid", "0.00", None)
    assert answer["discount"] == "49.00"


REFUSED: list[tuple[dict[str, Any], list[tuple[str, str | None]]]] = [
    ({"items": []}, [("min_length", "items")]),
    ({"items": None}, [("null", "items")]),
    ({"items": "all"}, [("not_a_list", "items")]),
    ({"items": [1]}, [("invalid", "items.0.non_field_errors")]),
    ({"address": None}, [("null", "address")]),
    ({"address": {**ADDRESS, "country": "Atlantis"}}, [("not_a_country", "address.country")]),
    ({"address": {**ADDRESS, "zip": "1"}}, [("unknown", "address.zip")]),
    ({"delivery_method_id": "x"}, [("invalid", "delivery_method_id")]),
    ({"delivery_method_id": str(uuid.UUID(int=7))}, [("delivery_method_not_found", "delivery_method_id")]),
    ({"payment_terms": "later"}, [("invalid_choice", "payment_terms")]),
    ({"gateway": "offline"}, [("invalid_choice", "gateway")]),
    ({"use_credits": 1}, [("invalid", "use_credits")]),
    ({"coupon_code": "NONE-SUCH"}, [("coupon_not_usable", "coupon_code")]),
    ({"coupon_code": "x" * 65}, [("max_length", "coupon_code")]),
    ({"tax_number": "XX1"}, [("tax_number_invalid", "tax_number")]),
    ({"notes": "x" * 2001}, [("max_length", "notes")]),
    ({"phone": 5}, [("invalid", "phone")]),
    ({"total": "1"}, [("unknown", "total")]),
]
LINES: list[tuple[dict[str, Any], list[tuple[str, str | None]]]] = [
    ({"product_id": str(uuid.UUID(int=7))}, [("product_not_found", "items.0.product_id")]),
    ({"product_id": "x"}, [("invalid", "items.0.product_id")]),
    ({"variant_id": str(uuid.UUID(int=7))}, [("variant_not_found", "items.0.variant_id")]),
    ({"quantity": 0}, [("min_value", "items.0.quantity")]),
    ({"quantity": 1.0}, [("invalid", "items.0.quantity")]),
    ({"quantity": "1"}, [("invalid", "items.0.quantity")]),
    ({"quantity": 501}, [("too_many_flyers", "items")]),
    ({"quantity": 1001}, [("stock_short", "items.0.quantity")]),
    ({"unit_price": "48.99"}, [("price_moved", "items.0.unit_price")]),
    ({"unit_price": 49}, [("amount_invalid", "items.0.unit_price")]),
    ({"flyer": None}, [("null", "items.0.flyer")]),
    ({"flyer": {"head": "x"}}, [("unknown", "items.0.flyer.head")]),
    ({"flyer": {"rush": "maybe"}}, [("invalid", "items.0.flyer.rush")]),
    ({"flyer": {"main_image": "/uploads/x.jpg"}}, [("image_not_found", "items.0.flyer.main_image")]),
    ({"discount": "1"}, [("unknown", "items.0.discount")]),
]


def test_what_cannot_be_ordered_writes_nothing_and_says_what(shop: Shop, ada: Shopper) -> None:
    before = written()
    for changes, wanted in REFUSED:
        status, problem = place(ada, {**body(line(shop.flyer)), **changes})
        assert (status, codes(problem)) == (400, wanted), changes
    for changes, wanted in LINES:
        status, problem = place(ada, body({**line(shop.flyer), **changes}))
        assert (status, codes(problem)) == (400, wanted), changes
    sent = body(line(shop.cable, flyer={}), delivery_method_id=str(shop.standard))
    assert codes(place(ada, sent)[1]) == [("flyer_not_expected", "items.0.flyer")]
    assert codes(place(ada, body({"product_id": str(shop.shirt), "quantity": 1}))[1])[0] == (
        "delivery_method_not_found",
        "delivery_method_id",
    )
    assert written() == before


def test_each_refusal_of_a_purchase_is_a_sentence(shop: Shop, ada: Shopper) -> None:
    issue_coupon("ONCE", minimum_minor=10_000, currency="USD")
    sent = body(
        line(shop.headphones, 1001),
        {"product_id": str(shop.shirt), "quantity": 1},
        line(shop.package, unit_price="1.00"),
        delivery_method_id=str(shop.express),
        payment_terms="on_delivery",
        address={**ADDRESS, "country": "DE"},
    )
    told = [error["detail"] for error in place(ada, sent)[1]["errors"]]
    assert told == [
        "Of Premium Headphones 1000 can be had, not 1001.",
        "T-Shirt has variants: name one.",
        "Bronze Package costs 69.00 USD now.",
        "Express does not offer cash on delivery.",
    ]
    used = place(ada, body(line(shop.flyer), coupon_code="ONCE"))[1]["errors"]
    assert [error["detail"] for error in used] == ["ONCE cannot be used: the products must cost at least 100.00 USD."]


def test_it_is_for_customers(shop: Shop) -> None:
    before = written()
    assert place(None, body(line(shop.flyer)))[0] == 401
    assert place(access_of(hire()), body(line(shop.flyer)))[0] == 403
    assert written() == before


def test_who_guesses_coupons_is_slowed_down(shop: Shop, ada: Shopper) -> None:
    for number in range(20):
        assert place(ada, body(line(shop.flyer), coupon_code=f"GUESS{number}"))[0] == 400
    response = send("POST", PATH, body(line(shop.flyer), coupon_code="GUESS"), by=ada)
    assert (response.status_code, response["X-RateLimit-Remaining"]) == (429, "0")


def test_a_repeated_request_is_one_order(shop: Shop, ada: Shopper, sandbox: SandboxProcess) -> None:
    on_delivery = body(line(shop.cable), payment_terms="on_delivery", delivery_method_id=str(shop.cash))
    for number, sent in enumerate((on_delivery, body(line(shop.flyer)))):
        first, again = (send("POST", PATH, sent, by=ada, key=f"o-{number}") for _ in range(2))
        assert (first.status_code, again.status_code, again.content) == (201, 201, first.content)
        assert again["Location"] == first["Location"]
    assert Order.objects.count() == 2


@pytest.mark.parametrize("terms", ["prepaid", "on_delivery"])
def test_a_request_that_was_cut_off_is_taken_up(shop: Shop, ada: Shopper, sandbox: SandboxProcess, terms: str) -> None:
    sent = body(line(shop.cable), payment_terms=terms, delivery_method_id=str(shop.cash))
    if terms == "prepaid":
        sent["delivery_method_id"] = str(shop.standard)
    first = json.loads(send("POST", PATH, sent, by=ada, key="cut").content)
    with_answer = "UPDATE idempotency_keptanswer SET status = NULL, locked_at = now() - interval '1 hour'"
    _run(with_answer)
    again = json.loads(send("POST", PATH, sent, by=ada, key="cut").content)
    assert (again["id"], again["payment"]) == (first["id"], first["payment"])
    assert Order.objects.count() == 1


def _run(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def test_a_gateway_that_fails_cancels_the_order(shop: Shop, ada: Shopper, sandbox: SandboxProcess) -> None:
    sandbox.arm("stripe", "create", "error_500", times=9)
    status, problem = place(ada, body(line(shop.flyer)))
    sandbox.arm("stripe", "*", "none")
    assert (status, codes(problem)) == (503, [("had_error", None)])
    order = Order.objects.get()
    assert (order.status, campaigns(order)[0].status, shops.left(shop.flyer)) == ("cancelled", "cancelled", 1000)


def test_credits_pay_for_flyers(shop: Shop, ada: Shopper) -> None:
    earlier = shops.place(ada, shop.cash, (shop.headphones, 1))
    collect_cash(earlier.pk, amount=earlier.total, receipt=uuid.uuid4(), actor=actors.SYSTEM)
    _give_credit(earlier)
    status, answer = place(ada, body(line(shop.flyer), use_credits=True))
    assert (status, answer["status"], answer["credits"], answer["payment"]) == (201, "Paid", "49.00", None)


def _give_credit(order: Order) -> None:
    wish = RefundWish(RefundKind.FULL, "credit", destination=RefundDestination.CREDIT)
    request_refund(order.pk, wish, actor=actors.SYSTEM)


def test_it_costs_the_same_statements_for_any_number_of_lines(shop: Shop, ada: Shopper) -> None:
    counts = {}
    for lines in (1, 20):
        articles = [shops.add_article(f"Bead {n}", f"BEAD-{lines}-{n}", 100, weight_grams=1) for n in range(lines)]
        sent = body(*map(line, articles), payment_terms="on_delivery", delivery_method_id=str(shop.cash))
        with statements() as told:
            assert place(ada, sent)[0] == 201
        counts[lines] = len(told)
    assert counts[1] == counts[20] <= 14, told
    assert Variant.objects.count() > 20


def test_the_document_says_what_may_be_sent(shop: Shop, ada: Shopper) -> None:
    document = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    schemas = {"components": document["components"]}
    wish = Draft4Validator({"$ref": "#/components/schemas/OrderWish", **schemas})
    sent = body(line(shop.package), line(shop.flyer, flyer=ENTERED), use_credits=False, notes="")
    assert [error.message for error in wish.iter_errors(sent)] == []
    assert list(wish.iter_errors({"items": [{}]})) != []
    issue_coupon("FREE")
    answer = place(ada, {**sent, "coupon_code": "FREE"})[1]
    placed = Draft4Validator({"$ref": "#/components/schemas/PlacedOrder", **schemas})
    assert [error.message for error in placed.iter_errors(answer) if "null" not in str(error.schema)] == []
