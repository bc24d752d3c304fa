"""Integrations in the back office: connected once with a key that is shown once, changed, revoked for a reason."""

from __future__ import annotations

import re

from django.contrib.admin.models import LogEntry
from django.test import Client

from customers.integrations import keys
from customers.integrations.models import Integration
from tests.admin.conftest import SignIn
from tests.commerce import connect

LIST = "/admin/integrations/integration/"
ADD = f"{LIST}add/"
FORM = {"name": "ERP", "scopes": ["orders", "discount"], "max_discount_percent": "12.50"}


def _page(row: Integration, what: str = "change") -> str:
    return f"{LIST}{row.pk}/{what}/"


def test_the_key_is_shown_by_the_answer_that_makes_it_and_never_again(sign_in: SignIn) -> None:
    staff = sign_in("integrations")
    response = staff.post(ADD, FORM)
    assert response.status_code == 200
    assert "no-store" in response["Cache-Control"]
    (key,) = re.findall(r"qk_[\w-]{43}", response.content.decode())
    row = Integration.objects.get()
    assert keys.caller_of(key, "127.0.0.1").scopes == {"orders", "discount"}
    assert (row.name, str(row.max_discount_percent), row.created_by and row.created_by.email) == (
        "ERP",
        "12.50",
        "integrations@example.com",
    )
    for address in (LIST, _page(row), _page(row, "history")):
        content = staff.get(address).content.decode()
        assert row.key_digest not in content
        assert key not in content
    assert row.key_prefix in staff.get(LIST).content.decode()
    assert not LogEntry.objects.filter(change_message__contains=key).exists()


def test_a_discount_needs_its_percentage_and_the_other_way_round(root: Client) -> None:
    for scopes, percent in ((["orders", "discount"], "0"), (["orders"], "5"), (["discount"], "101"), ([], "0")):
        response = root.post(ADD, {**FORM, "scopes": scopes, "max_discount_percent": percent})
        assert response.status_code == 200
        assert response.context["adminform"].form.errors
    assert not Integration.objects.exists()


def test_what_it_may_do_is_changed_without_another_key(root: Client) -> None:
    key = connect("orders")
    row = Integration.objects.get()
    response = root.post(_page(row), {"name": "Shop floor", "scopes": ["read"], "max_discount_percent": "0"})
    assert response.status_code == 302
    assert keys.caller_of(key, "127.0.0.1").scopes == {"read"}
    row.refresh_from_db()
    assert row.name == "Shop floor"


def test_it_is_revoked_for_a_reason_and_stays_so(sign_in: SignIn) -> None:
    staff = sign_in("integrations")
    connect()
    row = Integration.objects.get()
    assert "cannot be undone" in staff.get(_page(row, "revoke")).content.decode()
    assert staff.post(_page(row, "revoke"), {"reason": ""}).status_code == 200
    row.refresh_from_db()
    assert row.revoked_at is None
    assert staff.post(_page(row, "revoke"), {"reason": "Key in a public repository"}).status_code == 302
    row.refresh_from_db()
    assert (row.revoked_because, row.revoked_by and row.revoked_by.email) == (
        "Key in a public repository",
        "integrations@example.com",
    )
    assert LogEntry.objects.latest("pk").change_message == "Revoked: Key in a public repository"
    # What is over is not changed any more.
    assert staff.post(_page(row), FORM).status_code == 403


def test_other_roles_neither_see_nor_revoke(sign_in: SignIn) -> None:
    connect()
    row = Integration.objects.get()
    for role in ("support", "warehouse", "catalogue", "accounting", "events"):
        client = sign_in(role)
        assert client.get(LIST).status_code == 403
        assert client.post(_page(row, "revoke"), {"reason": "because"}).status_code == 403
    row.refresh_from_db()
    assert row.revoked_at is None
