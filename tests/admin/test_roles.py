"""Who may see which page, and who may press which button."""

from __future__ import annotations

import uuid

import pytest
from django.test import Client

from catalog.models import Product
from customers.models import User
from orders.models import Order
from payments.models import PaymentRequest
from tests import shop
from tests.admin.conftest import ANONYMOUS, CUSTOMER, EVERYBODY, SUPERUSER, SignIn, cash_order, page
from tests.shop import Shop, Shopper

SEE_ORDERS = {"support", "warehouse", "campaigns", "accounting", SUPERUSER}
LISTS: dict[str, set[str]] = {
    "/admin/orders/order/": SEE_ORDERS,
    "/admin/payments/paymentrequest/": SEE_ORDERS,
    "/admin/payments/refund/": SEE_ORDERS,
    "/admin/orders/orderrefund/": SEE_ORDERS,
    "/admin/orders/coupon/": {"support", "marketing", "accounting", SUPERUSER},
    "/admin/orders/couponbatch/": {"support", "marketing", "accounting", SUPERUSER},
    "/admin/orders/orderwriteoff/": SEE_ORDERS,
    "/admin/orders/campaign/": SEE_ORDERS,
    "/admin/orders/mailingkey/": {"integrations", SUPERUSER},
    "/admin/payments/creditbalance/": {"support", "accounting", SUPERUSER},
    "/admin/orders/creditgrant/": {"support", "accounting", SUPERUSER},
    "/admin/payments/dispute/": SEE_ORDERS,
    "/admin/payments/webhookevent/": {"accounting", SUPERUSER},
    "/admin/catalog/product/": {*SEE_ORDERS, "catalogue", "marketing"},
    "/admin/catalog/stock/": {*SEE_ORDERS, "catalogue"},
    "/admin/catalog/stockmovement/": {*SEE_ORDERS, "catalogue"},
    "/admin/catalog/deliverymethod/": {*SEE_ORDERS, "catalogue"},
    "/admin/catalog/event/": {*SEE_ORDERS, "events"},
    "/admin/customers/eventprofile/": {*SEE_ORDERS, "events"},
    "/admin/reconciliation/discrepancy/": {"accounting", SUPERUSER},
    "/admin/reconciliation/reconciliationrun/": {"accounting", SUPERUSER},
    "/admin/settlements/settlement/": {"accounting", SUPERUSER},
    "/admin/settlements/settlementline/": {"accounting", SUPERUSER},
    "/admin/settlements/settlementimport/": {"accounting", SUPERUSER},
    "/admin/outgoing/subscription/": {"integrations", "accounting", SUPERUSER},
    "/admin/outgoing/outgoingevent/": {"integrations", "accounting", SUPERUSER},
    "/admin/outgoing/delivery/": {"integrations", "accounting", SUPERUSER},
    "/admin/merchants/merchant/": {"integrations", "accounting", SUPERUSER},
    "/admin/merchants/merchantkey/": {"integrations", SUPERUSER},
    "/admin/merchants/merchantorder/": {"accounting", SUPERUSER},
    "/admin/customers/customer/": SEE_ORDERS,
    "/admin/customers/user/": {SUPERUSER},
    "/admin/auth/group/": {SUPERUSER},
}
ACTS: dict[str, set[str]] = {
    "send": {"warehouse", SUPERUSER},
    "deliver": {"warehouse", SUPERUSER},
    "collect_cash": {"warehouse", SUPERUSER},
    "cancel": {"support", SUPERUSER},
    "refund": {"support", "accounting", SUPERUSER},
    "write_off": {"accounting", SUPERUSER},
    "ask_gateway": {"accounting", SUPERUSER},
    "request_payment": {"accounting", SUPERUSER},
    "capture_payment": {"accounting", SUPERUSER},
    "void_payment": {"accounting", SUPERUSER},
}
ADDS: dict[str, set[str]] = {
    "/admin/catalog/product/add/": {"catalogue", SUPERUSER},
    "/admin/catalog/deliverymethod/add/": {"catalogue", SUPERUSER},
    "/admin/catalog/event/add/": {"events", SUPERUSER},
    "/admin/customers/eventprofile/add/": set(),
    "/admin/orders/coupon/add/": {"marketing", SUPERUSER},
    "/admin/orders/couponbatch/add/": set(),
    "/admin/orders/creditgrant/add/": set(),
    "/admin/orders/creditgrant/grant/": {"support", "accounting", SUPERUSER},
    "/admin/outgoing/subscription/add/": {"integrations", SUPERUSER},
    "/admin/outgoing/outgoingevent/add/": set(),
    "/admin/outgoing/delivery/add/": set(),
    "/admin/merchants/merchant/add/": {"integrations", SUPERUSER},
    "/admin/merchants/merchantkey/add/": set(),
    "/admin/merchants/merchantorder/add/": set(),
    "/admin/customers/user/add/": {SUPERUSER},
    "/admin/auth/group/add/": {SUPERUSER},
    "/admin/orders/order/add/": set(),
    "/admin/orders/campaign/add/": set(),
    "/admin/orders/mailingkey/add/": {"integrations", SUPERUSER},
    "/admin/payments/paymentrequest/add/": set(),
    "/admin/payments/refund/add/": set(),
    "/admin/orders/orderrefund/add/": set(),
    "/admin/orders/orderwriteoff/add/": set(),
    "/admin/payments/creditbalance/add/": set(),
    "/admin/payments/dispute/add/": set(),
    "/admin/catalog/stock/add/": set(),
    "/admin/catalog/stockmovement/add/": set(),
    "/admin/customers/customer/add/": set(),
    "/admin/reconciliation/discrepancy/add/": set(),
    "/admin/reconciliation/reconciliationrun/add/": set(),
}


def _refusal(role: str) -> int:
    """Whoever is no staff is shown the sign-in form; staff without the right are refused."""
    return 302 if role in (CUSTOMER, ANONYMOUS) else 403


@pytest.mark.parametrize("role", EVERYBODY)
def test_lists_open_for_those_who_may_see_them(role: str, sign_in: SignIn, ada: Shopper, goods: Shop) -> None:
    cash_order(ada, goods)
    client = sign_in(role)
    answers = {address: client.get(address).status_code for address in LISTS}
    assert answers == {address: 200 if role in may else _refusal(role) for address, may in LISTS.items()}


@pytest.mark.parametrize("role", EVERYBODY)
def test_forms_that_add_open_for_those_who_may_add(role: str, sign_in: SignIn, goods: Shop) -> None:
    client = sign_in(role)
    answers = {address: client.get(address).status_code for address in ADDS}
    assert answers == {address: 200 if role in may else _refusal(role) for address, may in ADDS.items()}


@pytest.mark.parametrize("role", EVERYBODY)
def test_the_first_page_offers_what_the_reader_may_see(role: str, sign_in: SignIn) -> None:
    response = sign_in(role).get("/admin/")
    if role in (CUSTOMER, ANONYMOUS):
        assert response.status_code == 302
        return
    content = response.content.decode()
    assert [address for address in LISTS if f'href="{address}"' in content] == [
        address for address, may in LISTS.items() if role in may
    ]


@pytest.mark.parametrize("role", EVERYBODY)
def test_an_order_opens_for_those_who_may_see_orders(role: str, sign_in: SignIn, ada: Shopper, goods: Shop) -> None:
    response = sign_in(role).get(page(cash_order(ada, goods)))
    assert response.status_code == (200 if role in SEE_ORDERS else _refusal(role))


@pytest.mark.parametrize("role", EVERYBODY)
def test_acts_are_refused_to_those_without_their_right(role: str, sign_in: SignIn, ada: Shopper, goods: Shop) -> None:
    order = cash_order(ada, goods)
    client = sign_in(role)
    for act, may in ACTS.items():
        if role in may:
            assert client.get(page(order, act)).status_code == 200
            continue
        before = shop.written()
        assert client.get(page(order, act)).status_code == _refusal(role)
        sent = client.post(page(order, act), {"amount": "14.50", "receipt": str(uuid.uuid4()), "reason": "no"})
        assert sent.status_code == _refusal(role)
        assert shop.written() == before


@pytest.mark.parametrize("role", sorted(SEE_ORDERS))
def test_only_buttons_that_the_reader_may_press_are_shown(
    role: str, sign_in: SignIn, ada: Shopper, goods: Shop
) -> None:
    order = cash_order(ada, goods)
    content = sign_in(role).get(page(order)).content.decode()
    shown = {act for act in ACTS if f'href="{page(order, act)}"' in content}
    # It is not on its way yet, nobody has paid, and no gateway has anything to do with it.
    offline = {act for act, may in ACTS.items() if role in may} - {"deliver", "ask_gateway"}
    assert shown == offline - {"request_payment", "capture_payment", "void_payment", "refund", "write_off"}


@pytest.mark.parametrize("role", EVERYBODY)
def test_nobody_deletes(role: str, sign_in: SignIn, ada: Shopper, goods: Shop) -> None:
    order = cash_order(ada, goods)
    client = sign_in(role)
    before = shop.written()
    request = PaymentRequest.objects.get()
    for address in (
        page(order, "delete"),
        f"/admin/payments/paymentrequest/{request.pk}/delete/",
        f"/admin/catalog/product/{goods.cable.product_id}/delete/",
        f"/admin/catalog/stock/{goods.cable.variant_id}/delete/",
        f"/admin/catalog/deliverymethod/{goods.cash}/delete/",
        f"/admin/customers/customer/{ada.customer.pk}/delete/",
        f"/admin/customers/user/{ada.user.pk}/delete/",
    ):
        assert client.post(address, {"post": "yes"}).status_code == _refusal(role), address
    chosen = {"action": "delete_selected", "_selected_action": [str(order.pk)], "post": "yes"}
    client.post("/admin/orders/order/", chosen)
    assert shop.written() == before
    assert Product.objects.filter(pk=goods.cable.product_id).exists()
    assert User.objects.filter(pk=ada.user.pk).exists()


@pytest.mark.parametrize("role", EVERYBODY)
def test_no_form_changes_an_order(role: str, sign_in: SignIn, ada: Shopper, goods: Shop) -> None:
    order = cash_order(ada, goods)
    typed = {"status": "paid", "total_minor": "1", "collected_minor": "1450", "number": "7", "email": "eve@example.com"}
    before = Order.objects.filter(pk=order.pk).values().get()
    response = sign_in(role).post(page(order), typed)
    assert response.status_code == _refusal(role)
    assert Order.objects.filter(pk=order.pk).values().get() == before


@pytest.mark.parametrize("role", EVERYBODY)
def test_no_form_changes_money_or_stock(role: str, sign_in: SignIn, ada: Shopper, goods: Shop) -> None:
    cash_order(ada, goods)
    request = PaymentRequest.objects.get()
    client, before = sign_in(role), shop.written()
    for address, typed in (
        (f"/admin/payments/paymentrequest/{request.pk}/change/", {"state": "paid", "amount_minor": "1"}),
        (f"/admin/catalog/stock/{goods.cable.variant_id}/change/", {"on_hand": "5", "reserved": "0"}),
        (f"/admin/customers/customer/{ada.customer.pk}/change/", {"first_name": "Eve"}),
    ):
        assert client.post(address, typed).status_code == _refusal(role)
    request.refresh_from_db()
    assert (request.state, request.amount_minor) == ("open", 1450)
    ada.customer.refresh_from_db()
    assert ada.customer.first_name == "Ada"
    assert shop.written() == before


@pytest.mark.parametrize("role", EVERYBODY)
def test_stock_is_counted_by_those_who_may(role: str, sign_in: SignIn, goods: Shop) -> None:
    typed = {"change": "5", "reason": "found", "receipt": str(uuid.uuid4())}
    response = sign_in(role).post(f"/admin/catalog/stock/{goods.cable.variant_id}/count/", typed)
    may = role in ("catalogue", SUPERUSER)
    assert response.status_code == (302 if may else _refusal(role))
    assert shop.left(goods.cable) == (1005 if may else 1000)


def test_forms_without_a_token_are_refused(sign_in: SignIn, ada: Shopper, goods: Shop) -> None:
    sign_in(SUPERUSER)
    order = cash_order(ada, goods)
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    client.force_login(User.objects.get(email=f"{SUPERUSER}@example.com"))
    assert client.post(page(order, "cancel"), {"reason": ""}).status_code == 403
    order.refresh_from_db()
    assert order.status == "payment_pending"
