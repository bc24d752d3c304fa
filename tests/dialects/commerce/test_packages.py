"""upgrade-renewal-package: every row of its error table is a state that people come into by what they do, in the order
of the stages; and what a package does once it is paid for."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

from catalog.models import Variant
from catalog.packages import PackageOffer
from customers.memberships.acts import membership_of
from kit import clock
from orders.approval_limits import read_limits
from orders.memberships.volume import read_rules
from orders.models import Order
from payments.models import PaymentRequest
from tests import jobs
from tests import shop as shops
from tests.commerce import ADDRESS, CREATE, PACKAGE, answer_of, call, connect, flat, multipart, refused
from tests.concurrency.racing import together
from tests.gateway_process import SandboxProcess
from tests.members import DAYS, open_tiers
from tests.shop import Shopper

NOT_PLACED = "You are not placed into the genealogy yet. Please wait until the placement completes."
IN_PROCESSING = (
    "There exists a package upgrade in processing. "
    "Please wait until the process complete or contact the site administrator."
)
AUTO_UPGRADE = "System initiated package auto upgrade. Please wait until the process complete."
UNPAID = (
    "Payment for previous purchase is not completed yet. Please wait until the payment complete or cancel that payment."
)
REFUND = "You cannot perform package upgrade because you have an active refund request."
NOT_THE_SAME = (
    "Couldn't process your request. Renewal package not same as the existing package. "
    "Please check your package and try again."
)
NO_UPGRADE = "Couldn't process your request. May be you reached maximum upgrade or invalid package id."
THE_SAME = "The supplied package same as the existing package. Please change your package and try again."
ACTIVE = "You already have an active package."
REQUIRED = "This field is required."

type Tiers = tuple[PackageOffer, PackageOffer, PackageOffer]


@pytest.fixture
def tiers(db: None) -> Tiers:
    """Bronze, silver and gold, each for sixty days."""
    return open_tiers(days=2 * DAYS)


@pytest.fixture
def key(db: None) -> str:
    """An integration's, which may do everything."""
    return connect()


@pytest.fixture
def member(ada: Shopper, tiers: Tiers, key: str, sandbox: SandboxProcess) -> Shopper:
    """Placed in the genealogy, and a member of silver by an order that was paid."""
    place(ada)
    buy(ada, tiers[1], key, sandbox)
    return ada


def place(shopper: Shopper) -> None:
    """Staff place somebody, on the page for it."""
    root = shops.hire(f"places-{shopper.user.email}", is_superuser=True)
    client = Client()
    client.force_login(root)
    page = f"/admin/customers/placement/{shopper.customer.pk}/place/"
    assert client.post(page, {"at_top": "on"}).status_code == 302


def body(shopper: Shopper, package: PackageOffer, order_type: str = "upgrade", **fields: Any) -> dict[str, Any]:
    """What is sent; its sums are right unless they are given."""
    price = str(package.price.major)
    return {
        "order_type": order_type,
        "uid": str(shopper.customer.pk),
        "product_id": package.product_number,
        "unit_price": price,
        "discount": "0",
        "order_total": price,
        **ADDRESS,
        **fields,
    }


def bought_with(package: PackageOffer, shopper: Shopper) -> dict[str, Any]:
    """The body of create-order for a package."""
    price = str(package.price.major)
    line = {
        "product_id": package.product_number,
        "quantity": 1,
        "unit_price": price,
        "discount": 0,
        "total_amount": price,
    }
    return {"products": [line], "address": ADDRESS, "total_amount": price, "uid": str(shopper.customer.pk)}


def pay(number: int, sandbox: SandboxProcess) -> None:
    """Somebody pays an order on the checkout, and its webhook arrives."""
    order = Order.objects.get(number=number)
    request = PaymentRequest.objects.get(subject_id=order.pk)
    sandbox.pay(str(request.gateway_reference))
    jobs.deliver()
    jobs.work()
    order.refresh_from_db()
    assert order.status == "paid"


def buy(shopper: Shopper, package: PackageOffer, key: str, sandbox: SandboxProcess) -> int:
    """A package is ordered with create-order and paid; the order's number."""
    data = answer_of(call(CREATE, bought_with(package, shopper), key=key, by=shopper))
    pay(data["order_number"], sandbox)
    number: int = data["order_number"]
    return number


def near_the_end() -> timedelta:
    """Thirty days before the end of what `member` has."""
    return timedelta(days=DAYS, hours=1)


# --- what is done -----------------------------------------------------------------------------------------------------


def test_an_upgrade_takes_effect_when_it_is_paid(
    member: Shopper, tiers: Tiers, key: str, sandbox: SandboxProcess
) -> None:
    data = answer_of(call(PACKAGE, body(member, tiers[2]), key=key, by=member))
    order = Order.objects.latest("number")
    request = PaymentRequest.objects.get(subject_id=order.pk)
    assert data == {
        "order_id": order.number,
        "order_number": order.number,
        "total_amount": 399,
        "pay_url": data["pay_url"],
    }
    assert data["pay_url"].endswith(f"/checkout/{request.gateway_reference}")
    assert (order.order_type, order.dialect, order.total_minor) == ("upgrade", "commerce", 39900)
    before = membership_of(member.customer.pk)
    assert before is not None
    assert before.tier == 20
    pay(data["order_number"], sandbox)
    after = membership_of(member.customer.pk)
    assert after is not None
    assert after.tier == 30


def test_a_renewal_goes_on_from_the_present_end(
    member: Shopper, tiers: Tiers, key: str, sandbox: SandboxProcess
) -> None:
    before = membership_of(member.customer.pk)
    with clock.turned(near_the_end()):
        member = Shopper(member.user, member.customer, shops.access_of(member.user))
        data = answer_of(call(PACKAGE, body(member, tiers[1], "renewal"), key=key, by=member))
        pay(data["order_number"], sandbox)
        after = membership_of(member.customer.pk)
    assert before is not None
    assert after is not None
    assert after.ends_at == before.ends_at + timedelta(days=2 * DAYS)
    assert Order.objects.latest("number").order_type == "renewal"


def test_a_sponsor_upgrades_whoever_stands_below(
    member: Shopper, bob: Shopper, tiers: Tiers, key: str, sandbox: SandboxProcess
) -> None:
    answer = call(PACKAGE, body(member, tiers[2]), key=key, by=bob)
    assert refused(answer) == {"uid": ["Invalid user id"]}
    clerk = shops.access_of(shops.hire("clerk@example.com", is_superuser=True))
    answer_of(call(PACKAGE, body(member, tiers[2]), key=key, by=clerk))


def test_a_form_and_multipart_do_as_well(member: Shopper, tiers: Tiers, key: str) -> None:
    sent, content_type = multipart(flat(body(member, tiers[2], discount="9")))
    told = refused(call(PACKAGE, sent, key=key, by=member, content_type=content_type))
    assert told == {"order_total": ["Order total must be difference of unit_price and discount."]}


def test_a_discount_within_the_integrations_percentage_is_given(member: Shopper, tiers: Tiers) -> None:
    some = connect("packages", "discount", percent="10", name="Some")
    data = answer_of(call(PACKAGE, body(member, tiers[2], discount=39.9, order_total="359.1"), key=some, by=member))
    order = Order.objects.latest("number")
    assert (data["total_amount"], order.discount_minor, order.total_minor) == (359.1, 3990, 35910)


def test_a_retry_under_the_same_key_gets_the_same_order(member: Shopper, tiers: Tiers, key: str) -> None:
    first = call(PACKAGE, body(member, tiers[2]), key=key, by=member, idempotency="one")
    again = call(PACKAGE, body(member, tiers[2]), key=key, by=member, idempotency="one")
    assert (first.status_code, first.content) == (200, again.content)
    assert Order.objects.filter(order_type="upgrade").count() == 1


def test_of_two_upgrades_at_once_one_is_ordered(member: Shopper, tiers: Tiers, key: str) -> None:
    sent = body(member, tiers[2])
    answers = together([lambda: call(PACKAGE, sent, key=key, by=member)] * 2)
    assert sorted(answer.status_code for answer in answers) == [200, 400]
    (late,) = [answer for answer in answers if answer.status_code == 400]
    assert refused(late) == {"uid": [IN_PROCESSING]}
    assert Order.objects.filter(order_type="upgrade").count() == 1


def test_an_upgrade_that_is_called_off_is_no_longer_in_the_way(member: Shopper, tiers: Tiers, key: str) -> None:
    data = answer_of(call(PACKAGE, body(member, tiers[2]), key=key, by=member))
    answer = shops.send("POST", f"/api/v1/orders/{data['order_id']}/cancel/", {}, by=member)
    assert answer.status_code == 200, answer.content
    answer_of(call(PACKAGE, body(member, tiers[2]), key=key, by=member))


def test_what_is_over_may_be_renewed_but_not_upgraded(
    member: Shopper, tiers: Tiers, key: str, sandbox: SandboxProcess
) -> None:
    with clock.turned(timedelta(days=2 * DAYS, minutes=1)):
        member = Shopper(member.user, member.customer, shops.access_of(member.user))
        assert _refused_untouched(member, body(member, tiers[2]), key) == {"product_id": [NO_UPGRADE]}
        data = answer_of(call(PACKAGE, body(member, tiers[1], "renewal"), key=key, by=member))
        pay(data["order_number"], sandbox)
        again = membership_of(member.customer.pk)
        assert again is not None
        assert timedelta(days=2 * DAYS) - timedelta(minutes=5) < again.ends_at - clock.now() <= timedelta(days=2 * DAYS)


@pytest.mark.parametrize(("before_the_end", "told"), [(1, None), (-1, {"product_id": [ACTIVE]})])
def test_renewals_open_thirty_days_before_the_end(
    member: Shopper, tiers: Tiers, key: str, before_the_end: int, told: dict[str, list[str]] | None
) -> None:
    """A minute after, and a minute before."""
    active = membership_of(member.customer.pk)
    assert active is not None
    opens = active.ends_at - timedelta(days=30) - clock.now()
    with clock.turned(opens + timedelta(minutes=before_the_end)):
        member = Shopper(member.user, member.customer, shops.access_of(member.user))
        answer = call(PACKAGE, body(member, tiers[1], "renewal"), key=key, by=member)
    assert (answer_of(answer)["total_amount"] == 149) if told is None else (refused(answer) == told)


# --- fields -----------------------------------------------------------------------------------------------------------


def test_an_empty_body_is_told_all_that_is_required(tiers: Tiers, ada: Shopper, key: str) -> None:
    names = ("order_type", "uid", "product_id", "unit_price", "discount", "order_total", *ADDRESS)
    assert refused(call(PACKAGE, {}, key=key, by=ada)) == {name: [REQUIRED] for name in names}


def _refused_untouched(shopper: Shopper, sent: dict[str, Any], key: str) -> dict[str, list[str]]:
    """The errors, after which there are as many orders as before and the membership is as it was."""
    before = (Order.objects.count(), membership_of(shopper.customer.pk))
    told = refused(call(PACKAGE, sent, key=key, by=shopper))
    assert (Order.objects.count(), membership_of(shopper.customer.pk)) == before
    return told


def test_an_order_type_that_is_none(tiers: Tiers, ada: Shopper, key: str) -> None:
    told = _refused_untouched(ada, body(ada, tiers[0], "gift"), key)
    assert told == {"order_type": ["Invalid order_type. Supported values are upgrade,renewal"]}


@pytest.mark.parametrize("name", ["address_first_name", "address_last_name"])
@pytest.mark.parametrize("value", ["", " ", "12", ["Ada"]])
def test_a_name_that_is_none(tiers: Tiers, ada: Shopper, key: str, name: str, value: Any) -> None:
    assert _refused_untouched(ada, body(ada, tiers[0], **{name: value}), key) == {name: [f"Invalid {name}"]}


def test_fields_come_before_the_product(tiers: Tiers, ada: Shopper, key: str) -> None:
    told = _refused_untouched(ada, body(ada, tiers[0], product_id=999999, unit_price="much"), key)
    assert told == {"unit_price": ["Invalid unit_price"]}


# --- product ----------------------------------------------------------------------------------------------------------


def test_a_product_that_is_no_package(tiers: Tiers, ada: Shopper, key: str) -> None:
    thing = shops.add_article("Thing", "THING", 100)
    for number in (999999, Variant.objects.get(pk=thing.variant_id).product.number, "x"):
        told = _refused_untouched(ada, body(ada, tiers[0], product_id=number), key)
        assert told == {"product_id": [f"Invalid product_id {number}"]}


def test_a_renewal_of_another_package(member: Shopper, tiers: Tiers, key: str) -> None:
    for package in (tiers[0], tiers[2]):
        assert _refused_untouched(member, body(member, package, "renewal"), key) == {"product_id": [NOT_THE_SAME]}


def test_an_upgrade_to_a_lower_tier(member: Shopper, tiers: Tiers, key: str) -> None:
    assert _refused_untouched(member, body(member, tiers[0]), key) == {"product_id": [NO_UPGRADE]}


def test_an_upgrade_without_a_membership(ada: Shopper, tiers: Tiers, key: str) -> None:
    place(ada)
    assert _refused_untouched(ada, body(ada, tiers[2]), key) == {"product_id": [NO_UPGRADE]}


def test_an_upgrade_to_the_package_that_one_has(member: Shopper, tiers: Tiers, key: str) -> None:
    assert _refused_untouched(member, body(member, tiers[1]), key) == {"product_id": [THE_SAME]}


def test_a_renewal_long_before_the_end(member: Shopper, tiers: Tiers, key: str) -> None:
    assert _refused_untouched(member, body(member, tiers[1], "renewal"), key) == {"product_id": [ACTIVE]}


def test_the_product_comes_before_the_customer(ada: Shopper, tiers: Tiers, key: str) -> None:
    """Who is not placed yet, either."""
    told = _refused_untouched(ada, body(ada, tiers[0], product_id=999999, address_postal_code="1"), key)
    assert told == {"product_id": ["Invalid product_id 999999"]}


# --- customer ---------------------------------------------------------------------------------------------------------


def test_an_address_that_is_not_so_in_the_world(member: Shopper, tiers: Tiers, key: str) -> None:
    for fields, told in (
        ({"address_postal_code": "90210"}, {"address_postcode": ["Invalid postcode"]}),
        ({"address_state_code": "ZZ"}, {"address_state_code": ["Invalid address_state_code"]}),
        ({"address_country_code": "XX"}, {"address_country_code": ["Invalid address_country_code"]}),
    ):
        assert _refused_untouched(member, body(member, tiers[2], **fields), key) == told


def test_a_user_whom_the_caller_may_not_order_for(member: Shopper, bob: Shopper, tiers: Tiers, key: str) -> None:
    for uid in (str(bob.customer.pk), "00000000-0000-4000-8000-000000000000", "ada"):
        told = _refused_untouched(member, body(member, tiers[2], uid=uid), key)
        assert told == {"uid": ["Invalid user id"]}


def test_whoever_is_not_placed_yet(ada: Shopper, tiers: Tiers, key: str, sandbox: SandboxProcess) -> None:
    buy(ada, tiers[0], key, sandbox)
    assert _refused_untouched(ada, body(ada, tiers[1]), key) == {"uid": [NOT_PLACED]}


@pytest.mark.parametrize("order_type", ["upgrade", "renewal"])
def test_while_an_upgrade_is_ordered_and_not_paid(member: Shopper, tiers: Tiers, key: str, order_type: str) -> None:
    answer_of(call(PACKAGE, body(member, tiers[2]), key=key, by=member))
    package, later = (tiers[2], timedelta(0)) if order_type == "upgrade" else (tiers[1], near_the_end())
    with clock.turned(later):
        again = Shopper(member.user, member.customer, shops.access_of(member.user))
        assert _refused_untouched(again, body(again, package, order_type), key) == {"uid": [IN_PROCESSING]}


def test_while_the_shops_own_upgrade_is_on_its_way(member: Shopper, tiers: Tiers, key: str, settings: Any) -> None:
    """Who has bought for enough comes to a higher tier, and staff may look at it first."""
    settings.AUTO_UPGRADES = read_rules("30=100 USD")
    call_command("upgrade_members", stdout=StringIO())
    assert _refused_untouched(member, body(member, tiers[2]), key) == {"uid": [AUTO_UPGRADE]}


def test_while_an_earlier_package_is_not_paid(member: Shopper, tiers: Tiers, key: str) -> None:
    answer_of(call(CREATE, bought_with(tiers[2], member), key=key, by=member))
    assert _refused_untouched(member, body(member, tiers[2]), key) == {"uid": [UNPAID]}


def test_other_unpaid_orders_do_not_count(member: Shopper, tiers: Tiers, key: str) -> None:
    thing = shops.add_article("Thing", "THING", 100)
    number = Variant.objects.get(pk=thing.variant_id).product.number
    line = {"product_id": number, "quantity": 1, "unit_price": 1, "discount": 0, "total_amount": 1}
    sent = {"products": [line], "address": ADDRESS, "total_amount": 1, "uid": str(member.customer.pk)}
    answer_of(call(CREATE, sent, key=key, by=member))
    answer_of(call(PACKAGE, body(member, tiers[2]), key=key, by=member))


def test_while_a_refund_waits_for_a_second_person(member: Shopper, tiers: Tiers, key: str, settings: Any) -> None:
    settings.REFUND_APPROVAL_ABOVE = read_limits("*:1")
    order = Order.objects.get()
    clerk = shops.hire("clerk@example.com", is_superuser=True)
    wish = {"kind": "goodwill", "amount": "60.00", "reason": "Not what it was said to be"}
    response = shops.send("POST", f"/api/v1/orders/{order.pk}/refunds/", wish, by=shops.access_of(clerk))
    assert response.status_code == 201, response.content
    assert _refused_untouched(member, body(member, tiers[2]), key) == {"uid": [REFUND]}


def test_all_faults_of_the_customer_are_told_at_once(
    ada: Shopper, tiers: Tiers, key: str, sandbox: SandboxProcess
) -> None:
    buy(ada, tiers[0], key, sandbox)
    answer_of(call(CREATE, bought_with(tiers[2], ada), key=key, by=ada))
    sent = body(ada, tiers[1], address_postal_code="1", address_state_code="ZZ", order_total="1")
    assert _refused_untouched(ada, sent, key) == {
        "address_state_code": ["Invalid address_state_code"],
        "address_postcode": ["Invalid postcode"],
        "uid": [NOT_PLACED, UNPAID],
    }


# --- totals -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"unit_price": "398", "order_total": "398"}, {"unit_price": ["Invalid unit_price"]}),
        ({"discount": "399", "order_total": "0"}, {"order_total": ["Discount must be less than unit_price."]}),
        (
            {"order_total": "398.99"},
            {"order_total": ["Order total must be difference of unit_price and discount."]},
        ),
        (
            {"discount": "400"},
            {
                "discount": ["Invalid discount"],
                "order_total": [
                    "Discount must be less than unit_price.",
                    "Order total must be difference of unit_price and discount.",
                ],
            },
        ),
        ({"discount": "-1", "order_total": "400"}, {"discount": ["Invalid discount"]}),
    ],
)
def test_sums_that_are_none(
    member: Shopper, tiers: Tiers, key: str, fields: dict[str, str], told: dict[str, list[str]]
) -> None:
    assert _refused_untouched(member, body(member, tiers[2], **fields), key) == told


def test_a_discount_that_the_integration_may_not_give(member: Shopper, tiers: Tiers) -> None:
    none = connect("packages", name="None")
    told = _refused_untouched(member, body(member, tiers[2], discount="1", order_total="398"), none)
    assert told == {"discount": ["Invalid discount"]}


def test_the_customer_comes_before_the_sums(ada: Shopper, tiers: Tiers, key: str, sandbox: SandboxProcess) -> None:
    buy(ada, tiers[0], key, sandbox)
    told = _refused_untouched(ada, body(ada, tiers[1], order_total="1", discount="900"), key)
    assert told == {"uid": [NOT_PLACED]}
