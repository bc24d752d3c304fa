"""Secrets are shown once, kept sealed, and replaced without a gap; targets are checked before anything is written."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection

from kit import clock
from kit.secrets import scrub
from payments.outgoing import subscriptions
from payments.outgoing.addresses import TargetRefused
from payments.outgoing.models import EventType, Subscription
from payments.outgoing.signatures import signature
from payments.sealing import Unsealable
from tests.payments.outgoing.conftest import Subscribe
from tests.payments.outgoing.verifying import verified
from tests.shop import written

pytestmark = pytest.mark.django_db

URL = "http://127.0.0.1:8080/"
BODY = b'{"id": "1"}'


def test_a_secret_is_in_the_database_only_sealed(subscribe: Subscribe) -> None:
    subscriber = subscribe(URL)
    subscriptions.rotate(subscriber.id)
    with connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(s)::text FROM outgoing_subscription s")
        assert subscriber.secret not in cursor.fetchone()[0]
    assert subscriptions.signing_secrets(subscriber.row)[1] == subscriber.secret
    assert scrub(f"it is {subscriber.secret}.") == "it is [secret]."


def test_both_secrets_sign_during_a_rotation_and_then_the_new_one_alone(subscribe: Subscribe) -> None:
    subscriber = subscribe(URL)
    replaced = subscriptions.rotate(subscriber.id)
    assert replaced is not None
    assert replaced != subscriber.secret
    assert subscriptions.signing_secrets(subscriber.row) == [replaced, subscriber.secret]
    header = signature(BODY, secrets=[replaced, subscriber.secret], at=int(time.time()))
    assert header.count("v1=") == 2
    assert verified(BODY, header, replaced)
    assert verified(BODY, header, subscriber.secret)

    with clock.turned(subscriptions.OVERLAP + timedelta(seconds=1)):
        assert subscriptions.signing_secrets(subscriber.row) == [replaced]
        subscriptions.reseal()
    assert subscriber.row.sealed_previous_secret == ""


def test_a_third_secret_never_signs(subscribe: Subscribe) -> None:
    subscriber = subscribe(URL)
    second, third = subscriptions.rotate(subscriber.id), subscriptions.rotate(subscriber.id)
    assert subscriptions.signing_secrets(subscriber.row) == [third, second]


def test_a_second_click_replaces_nothing(subscribe: Subscribe) -> None:
    subscriber = subscribe(URL)
    seen = subscriptions.fingerprint(subscriber.row)
    assert subscriptions.rotate(subscriber.id, instead_of=seen)
    before = Subscription.objects.values().get()
    assert subscriptions.rotate(subscriber.id, instead_of=seen) is None
    assert Subscription.objects.values().get() == before


def test_the_keys_that_seal_can_be_rotated(subscribe: Subscribe, settings: Any) -> None:
    subscriber = subscribe(URL)
    [old], new = settings.SECRET_KEYS, "n" * 60
    settings.SECRET_KEYS = [new, old]
    assert subscriptions.signing_secrets(subscriber.row) == [subscriber.secret]
    subscriptions.reseal()
    settings.SECRET_KEYS = [new]
    assert subscriptions.signing_secrets(subscriber.row) == [subscriber.secret]
    settings.SECRET_KEYS = [old]
    with pytest.raises(Unsealable):
        subscriptions.signing_secrets(subscriber.row)
    # What cannot be opened is left as it is, in case the key comes back.
    before = Subscription.objects.values().get()
    subscriptions.reseal()
    assert Subscription.objects.values().get() == before


@pytest.mark.parametrize(
    "url",
    ["http://10.0.0.1/", "https://[::1]/", "https://0x7f000001/", "ftp://hooks.example.com/", "https://a@b.example/"],
)
def test_a_refused_target_writes_nothing(url: str) -> None:
    before = written()
    with pytest.raises(TargetRefused):
        subscriptions.admit(Subscription(name="Eve", url=url, events=[EventType.ORDER_PAID]))
    assert written() == before


def test_a_name_that_points_to_a_near_address_is_refused_at_save() -> None:
    before = written()
    row = Subscription(name="Eve", url="https://eve.example.com/", events=[EventType.ORDER_PAID])
    with pytest.raises(TargetRefused):
        subscriptions.admit(row, resolve=lambda host, port: ["93.184.216.34", "169.254.169.254"])
    assert written() == before


@pytest.mark.parametrize("events", [[], ["order.eaten"], ["order.paid", "*"]])
def test_the_database_refuses_events_that_do_not_exist(events: list[str]) -> None:
    with pytest.raises(IntegrityError):
        subscriptions.admit(Subscription(name="Ada", url=URL, events=events))


def test_a_disabled_subscription_has_a_reason(subscribe: Subscribe) -> None:
    subscriber = subscribe(URL)
    with pytest.raises(IntegrityError):
        Subscription.objects.update(active=False)
    assert subscriptions.disable(subscriber.id, because="x" * 500)
    assert not subscriptions.disable(subscriber.id, because="again")
    assert (subscriber.row.active, subscriber.row.disabled_because) == (False, "x" * 200)
    assert subscriptions.enable(subscriber.id)
    assert not subscriptions.enable(subscriber.id)
    assert (subscriber.row.active, subscriber.row.disabled_because, subscriber.row.disabled_at) == (True, "", None)


# --- what receivers check -------------------------------------------------------------------------------------------


def test_the_documented_code_takes_our_signatures_and_no_others() -> None:
    now = int(time.time())
    header = signature(BODY, secrets=["whsec_1"], at=now)
    assert verified(BODY, header, "whsec_1")
    assert not verified(BODY + b" ", header, "whsec_1")
    assert not verified(BODY, header, "whsec_2")
    assert not verified(BODY, header.replace(f"t={now}", f"t={now + 1}"), "whsec_1")
    for garbage in ("", "t=", "v1=", "t=x,v1=y", "t=1", f"t={now},v1=é", f"t={now},v1"):
        assert not verified(BODY, garbage, "whsec_1")


def test_the_documented_code_refuses_what_is_old() -> None:
    header = signature(BODY, secrets=["whsec_1"], at=int(time.time()) - 301)
    assert not verified(BODY, header, "whsec_1")
    assert verified(BODY, header, "whsec_1", tolerance_s=400)
