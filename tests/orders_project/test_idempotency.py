"""Idempotency-Key: one effect, and the first answer again, byte for byte."""

from __future__ import annotations

import hashlib
import json
import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import RequestFactory

from kit import clock
from kit.ids import new_id
from orders import actors, cancellation
from orders.models import Order, PaymentTerms
from orders_project.idempotency import keeping
from orders_project.idempotency.models import KeptAnswer
from payments.models import PaymentRequest, Refund
from tests import shop as shops
from tests.gateway_process import SandboxProcess
from tests.shop import (
    ON_DELIVERY,
    WITH_PAYMENT,
    Shop,
    Shopper,
    item,
    order_body,
    send,
    sign_up,
    text_of,
    written,
)

KEY = "order-2026-11-21/0001"
REUSED = "Idempotency-Key was used for another request"
CONFIRMED = "Order has already been marked as paid"
IN_PROGRESS = "A request with this Idempotency-Key is still in progress"


def buy(shop: Shop, by: Shopper, key: str | None = KEY, path: str = ON_DELIVERY, **fields: Any) -> HttpResponse:
    """One cable, on delivery or paid online."""
    delivery = shop.cash if path.startswith(ON_DELIVERY) and WITH_PAYMENT not in path else shop.standard
    return send("POST", path, order_body(by, delivery, item(shop.cable), **fields), by=by, key=key)


def same(first: HttpResponse, second: HttpResponse) -> bool:
    """Status, body and every header but the ones that name this very response."""
    own = {"x-request-id"}
    kept = [{k.lower(): v for k, v in response.items() if k.lower() not in own} for response in (first, second)]
    return (first.status_code, first.content, kept[0]) == (second.status_code, second.content, kept[1])


def test_the_answer_of_an_order_on_delivery_is_given_again_byte_for_byte(shop: Shop, ada: Shopper) -> None:
    first = buy(shop, ada)
    after = written()
    second = buy(shop, ada)
    assert first.status_code == 204
    assert first["Location"] == f"/api/v1/orders/{Order.objects.get().pk}/"
    assert same(first, second)
    assert written() == after


def test_the_answer_of_an_order_with_payment_is_given_again_byte_for_byte(
    shop: Shop, ada: Shopper, sandbox: SandboxProcess
) -> None:
    first = buy(shop, ada, path=WITH_PAYMENT)
    assert first.status_code == 200
    after = written()
    assert same(first, buy(shop, ada, path=WITH_PAYMENT))
    assert written() == after
    assert PaymentRequest.objects.get().client_secret in first.content.decode()


def test_a_trailing_slash_makes_no_other_request(shop: Shop, ada: Shopper) -> None:
    assert same(buy(shop, ada), buy(shop, ada, path=f"{ON_DELIVERY}/"))
    assert Order.objects.count() == 1


def test_a_confirmation_is_given_again_instead_of_being_refused(shop: Shop, ada: Shopper) -> None:
    free = order_body(ada, shops.add_delivery("Free", 0), item(shops.add_article("Gift", "GIFT", 0)))
    order_id = json.loads(send("POST", WITH_PAYMENT, free, by=ada).content)["orderId"]
    path = f"/api/orders/{order_id}/paid"
    first = send("PATCH", path, by=ada, key=KEY)
    assert first.status_code == 204
    assert same(first, send("PATCH", path, by=ada, key=KEY))
    for other in (None, "another key"):
        refused = send("PATCH", path, by=ada, key=other)
        assert (refused.status_code, text_of(refused)) == (400, CONFIRMED)


@pytest.mark.parametrize("change", [{"notes": "another"}, {"items": []}])
def test_the_same_key_with_another_body_is_refused(shop: Shop, ada: Shopper, change: dict[str, Any]) -> None:
    buy(shop, ada)
    after = written()
    response = buy(shop, ada, **change)
    assert (response.status_code, text_of(response)) == (422, REUSED)
    assert written() == after


def test_the_same_key_on_another_path_is_refused(shop: Shop, ada: Shopper) -> None:
    buy(shop, ada)
    after = written()
    body = order_body(ada, shop.cash, item(shop.cable))
    for path in (WITH_PAYMENT, f"{ON_DELIVERY}?again"):
        response = send("POST", path, body, by=ada, key=KEY)
        assert (response.status_code, text_of(response)) == (422, REUSED)
    response = send("PATCH", f"/api/orders/{Order.objects.get().pk}/paid", body, by=ada, key=KEY)
    assert (response.status_code, text_of(response)) == (422, REUSED)
    assert written() == after


def test_while_the_first_is_being_worked_on_the_second_is_told_to_wait(shop: Shop, ada: Shopper) -> None:
    kept = _claim(shop, ada, locked_for=timedelta(seconds=5))
    before = written()
    response = buy(shop, ada)
    assert (response.status_code, text_of(response), response["Retry-After"]) == (409, IN_PROGRESS, "1")
    assert written() == before
    kept.refresh_from_db()
    assert kept.status is None
    other = buy(shop, ada, notes="another body")
    assert (other.status_code, text_of(other)) == (422, REUSED)


def test_a_key_belongs_to_its_caller_alone(shop: Shop, ada: Shopper) -> None:
    """Another customer's same key is another key: nothing of the first answer leaks, not even that there is one."""
    bob = sign_up("bob@example.com")
    first, second = buy(shop, ada), buy(shop, bob)
    assert (first.status_code, second.status_code) == (204, 204)
    assert first["Location"] != second["Location"]
    assert shops.order_at(second["Location"]).customer_id == bob.customer.pk
    # With Ada's very body, too, Bob gets what he would get without a key.
    body = order_body(ada, shop.cash, item(shop.cable))
    response = send("POST", ON_DELIVERY, body, by=bob, key="a third")
    assert (response.status_code, text_of(response)) == (404, "Customer not found")


def test_a_kept_answer_needs_the_token_too(shop: Shop, ada: Shopper) -> None:
    buy(shop, ada)
    body = order_body(ada, shop.cash, item(shop.cable))
    response = send("POST", ON_DELIVERY, body, key=KEY)
    assert (response.status_code, "Location" in response) == (401, False)


def test_a_refusal_is_not_kept(shop: Shop, ada: Shopper) -> None:
    body = order_body(ada, shop.cash, item(shop.scarce, 2))
    before = written()
    assert send("POST", ON_DELIVERY, body, by=ada, key=KEY).status_code == 400
    assert written() == before
    shops.deliver_goods(shop.scarce, 1)
    assert send("POST", ON_DELIVERY, body, by=ada, key=KEY).status_code == 204
    assert Order.objects.count() == 1


def test_after_a_refusal_the_key_may_name_another_request(shop: Shop, ada: Shopper) -> None:
    assert send("POST", ON_DELIVERY, b"{", by=ada, key=KEY).status_code == 400
    assert buy(shop, ada).status_code == 204


def test_a_documented_500_is_kept(shop: Shop, ada: Shopper, sandbox: SandboxProcess) -> None:
    sandbox.arm("stripe", "create", "error_500")
    first = buy(shop, ada, path=WITH_PAYMENT)
    assert (first.status_code, text_of(first)[:30]) == (500, "Failed to initialize payment: ")
    assert Order.objects.get().status == "cancelled"
    after = written()
    # The gateway would take it on now, and is not asked.
    assert same(first, buy(shop, ada, path=WITH_PAYMENT))
    assert written() == after
    assert buy(shop, ada, key="another key", path=WITH_PAYMENT).status_code == 200


@dataclass(frozen=True, slots=True)
class Bought:
    """An order to be paid online, and the act of confirming it."""

    by: Shopper
    order_id: str
    payment: str

    def confirm(self, key: str | None = KEY) -> HttpResponse:
        """The customer says that they have paid."""
        return send("PATCH", f"/api/orders/{self.order_id}/paid", by=self.by, key=key)


@pytest.fixture
def bought(shop: Shop, ada: Shopper, sandbox: SandboxProcess) -> Bought:
    """An order that is not paid yet."""
    answer = shops.order_with_payment(ada, shop, item(shop.cable))
    return Bought(ada, answer["orderId"], answer["clientSecret"])


def test_a_503_is_not_kept(bought: Bought, sandbox: SandboxProcess) -> None:
    sandbox.pay(bought.payment, webhook="none")
    sandbox.arm("stripe", "retrieve", "error_500")
    response = bought.confirm()
    assert (response.status_code, text_of(response)) == (
        503,
        "The payment could not be checked right now, please try again",
    )
    assert response["Retry-After"] == "2"
    assert not KeptAnswer.objects.filter(key=KEY).exists()
    assert bought.confirm().status_code == 204
    assert bought.confirm().status_code == 204


def test_after_a_503_another_keys_confirmation_is_not_taken_for_ones_own(
    bought: Bought, sandbox: SandboxProcess
) -> None:
    sandbox.pay(bought.payment, webhook="none")
    sandbox.arm("stripe", "retrieve", "error_500")
    assert bought.confirm("first").status_code == 503
    assert bought.confirm("second").status_code == 204
    response = bought.confirm("first")
    assert (response.status_code, text_of(response)) == (400, CONFIRMED)
    assert bought.confirm("second").status_code == 204


def test_a_confirmation_whose_answer_got_lost_is_known_by_its_key_alone(
    bought: Bought, sandbox: SandboxProcess
) -> None:
    sandbox.pay(bought.payment, webhook="none")
    assert bought.confirm().status_code == 204
    _lose_answer(KEY)
    assert bought.confirm("another").status_code == 400
    assert bought.confirm(None).status_code == 400
    assert bought.confirm().status_code == 204


def test_a_cut_off_confirmation_does_not_take_anothers_for_its_own(bought: Bought, sandbox: SandboxProcess) -> None:
    sandbox.pay(bought.payment, webhook="none")
    assert bought.confirm(None).status_code == 204
    assert bought.confirm().status_code == 400
    kept = KeptAnswer.objects.create(
        id=new_id(),
        principal=f"user:{bought.by.user.pk}",
        key=KEY,
        fingerprint=_fingerprint("PATCH", f"/api/orders/{bought.order_id}/paid"),
        locked_at=clock.now() - 2 * keeping.ABANDONED_AFTER,
        created_at=clock.now() - 2 * keeping.ABANDONED_AFTER,
    )
    response = bought.confirm()
    assert (response.status_code, text_of(response)) == (400, CONFIRMED)
    assert not KeptAnswer.objects.filter(pk=kept.pk).exists()


def test_who_asks_before_paying_asks_again_under_the_same_key(bought: Bought, sandbox: SandboxProcess) -> None:
    response = bought.confirm()
    assert (response.status_code, text_of(response)) == (400, "The payment has not been made yet")
    sandbox.pay(bought.payment, webhook="none")
    assert bought.confirm().status_code == 204


def test_a_refusal_that_took_note_of_money_is_kept(bought: Bought, sandbox: SandboxProcess) -> None:
    sandbox.pay(bought.payment, webhook="none")
    cancellation.cancel_order(uuid.UUID(bought.order_id), actor=actors.SYSTEM)
    first = bought.confirm()
    assert (first.status_code, text_of(first)) == (400, "The order is cancelled")
    assert Refund.objects.count() == 1
    after = written()
    assert same(first, bought.confirm())
    assert written() == after


def test_a_request_that_broke_is_taken_up_by_its_retry(shop: Shop, ada: Shopper) -> None:
    """What nobody foresaw happens after the order was committed; the retry finds the order."""

    class Broke(Exception):
        pass

    claims: list[keeping.Claim] = []

    def break_after_placing(claim: keeping.Claim) -> HttpResponse:
        claims.append(claim)
        shops.place(ada, shop.cash, (shop.cable, 1), placement_key=claim.key)
        raise Broke

    body = json.dumps(order_body(ada, shop.cash, item(shop.cable))).encode()
    request = RequestFactory().post(
        ON_DELIVERY, body, content_type="application/json", headers={"Idempotency-Key": KEY}
    )
    with pytest.raises(Broke):
        keeping.once(request, principal=f"user:{ada.user.pk}", act=break_after_placing)
    response = send("POST", ON_DELIVERY, body, by=ada, key=KEY)
    assert (response.status_code, shops.order_at(response["Location"])) == (204, Order.objects.get())
    assert not claims[0].resumed
    assert same(response, send("POST", ON_DELIVERY, body, by=ada, key=KEY))


# --- cut off half-way -----------------------------------------------------------------------------------------------


def _lose_answer(key: str) -> None:
    """The process died, a while ago, before it could keep what it answered."""
    began = clock.now() - 2 * keeping.ABANDONED_AFTER
    KeptAnswer.objects.filter(key=key).update(status=None, locked_at=began, created_at=began)


def _fingerprint(method: str, path: str) -> bytes:
    return hashlib.sha256(f"{method} {path}?\n".encode()).digest()


def _claim(shop: Shop, by: Shopper, *, locked_for: timedelta, path: str = ON_DELIVERY) -> KeptAnswer:
    """What is left of a request that began so long ago and never came to its answer."""
    assert buy(shop, by, path=path).status_code in (200, 204)
    kept = KeptAnswer.objects.get(key=KEY)
    fingerprint = bytes(kept.fingerprint)
    # Its order stays, as one of another request; a claim without an answer takes the answer's place.
    kept.delete()
    began = clock.now() - locked_for
    return KeptAnswer.objects.create(
        id=new_id(),
        principal=f"user:{by.user.pk}",
        key=KEY,
        fingerprint=fingerprint,
        locked_at=began,
        created_at=began,
    )


def test_cut_off_after_placing_the_retry_names_the_order_that_exists(shop: Shop, ada: Shopper) -> None:
    kept = _claim(shop, ada, locked_for=keeping.ABANDONED_AFTER + timedelta(seconds=1))
    placed = shops.place(ada, shop.cash, (shop.cable, 1), placement_key=kept.pk)
    before = written()
    response = buy(shop, ada)
    assert (response.status_code, shops.order_at(response["Location"])) == (204, placed)
    assert written() == before
    assert same(response, buy(shop, ada))


def test_cut_off_before_placing_the_retry_places(shop: Shop, ada: Shopper) -> None:
    kept = _claim(shop, ada, locked_for=keeping.ABANDONED_AFTER + timedelta(seconds=1))
    response = buy(shop, ada)
    assert response.status_code == 204
    assert shops.order_at(response["Location"]).placement_key == kept.pk


def test_cut_off_before_the_gateway_answered_the_retry_asks_with_the_same_key(
    shop: Shop, ada: Shopper, sandbox: SandboxProcess
) -> None:
    kept = _claim(shop, ada, locked_for=keeping.ABANDONED_AFTER + timedelta(seconds=1), path=WITH_PAYMENT)
    placed = shops.place(ada, shop.standard, (shop.cable, 1), terms=PaymentTerms.PREPAID, placement_key=kept.pk)
    asked_before = len(sandbox.books("stripe")["orders"])
    response = buy(shop, ada, path=WITH_PAYMENT)
    assert response.status_code == 200, response.content
    answer = json.loads(response.content)
    assert answer["orderId"] == str(placed.pk)
    assert answer["clientSecret"] == PaymentRequest.objects.get(subject_id=placed.pk).client_secret != ""
    assert len(sandbox.books("stripe")["orders"]) == asked_before + 1
    assert same(response, buy(shop, ada, path=WITH_PAYMENT))


def test_one_second_before_it_counts_as_abandoned_it_is_still_in_progress(shop: Shop, ada: Shopper) -> None:
    _claim(shop, ada, locked_for=keeping.ABANDONED_AFTER - timedelta(seconds=1))
    assert buy(shop, ada).status_code == 409


# --- keys -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["", "x" * 256, "schl\xfcssel", "a\tb", "a\x7fb"])
def test_a_key_that_is_none_is_refused(shop: Shop, ada: Shopper, key: str) -> None:
    before = written()
    response = buy(shop, ada, key=key)
    assert (response.status_code, text_of(response)) == (
        400,
        "Idempotency-Key must be 1 to 255 printable ASCII characters",
    )
    assert written() == before


@pytest.mark.parametrize("key", ["x", "x" * 255, "%00' OR 1=1; --", str(uuid.UUID(int=7))])
def test_any_other_key_will_do(shop: Shop, ada: Shopper, key: str) -> None:
    assert same(buy(shop, ada, key=key), buy(shop, ada, key=key))
    assert Order.objects.count() == 1


def test_keys_differ_in_case(shop: Shop, ada: Shopper) -> None:
    assert not same(buy(shop, ada, key="a"), buy(shop, ada, key="A"))


def test_without_a_key_every_request_counts(shop: Shop, ada: Shopper) -> None:
    buy(shop, ada, key=None)
    buy(shop, ada, key=None)
    assert (Order.objects.count(), KeptAnswer.objects.count()) == (2, 0)


# --- time -----------------------------------------------------------------------------------------------------------


def test_an_answer_is_kept_for_48_hours(shop: Shop, ada: Shopper, settings: Any) -> None:
    settings.ACCESS_TOKEN_LIFETIME = timedelta(days=7)
    ada = Shopper(ada.user, ada.customer, shops.access_of(ada.user))
    first = buy(shop, ada)
    with clock.turned(timedelta(hours=47, minutes=59)):
        assert same(first, buy(shop, ada))
        assert keeping.forget_old() == 0
    with clock.turned(timedelta(hours=48, minutes=1)):
        second = buy(shop, ada)
        assert (second.status_code, second["Location"] == first["Location"]) == (204, False)
        assert same(second, buy(shop, ada))
    assert Order.objects.count() == 2


def test_old_answers_are_forgotten(shop: Shop, ada: Shopper) -> None:
    buy(shop, ada, key="a")
    with clock.turned(timedelta(hours=48, minutes=1)):
        assert keeping.forget_old() == 1
    assert KeptAnswer.objects.count() == 0
