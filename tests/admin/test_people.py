"""Accounts: nobody gets more rights through the back office than they have."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client

from customers.models import Session, User
from tests import shop
from tests.admin.conftest import SUPERUSER, SignIn, cash_order
from tests.shop import Shop, Shopper

USERS = "/admin/customers/user/"


@pytest.fixture
def helper(sign_in: SignIn) -> Client:
    """Staff who may add and change accounts, without being a superuser."""
    user = User.objects.create_user("helper@example.com", is_staff=True)
    rights = Permission.objects.filter(codename__in=["view_user", "add_user", "change_user"])
    user.user_permissions.set(rights)
    client = Client(raise_request_exception=False)
    client.force_login(user)
    return client


def _change(user: User) -> str:
    return f"{USERS}{user.pk}/change/"


def test_a_superuser_makes_an_account_and_gives_it_a_role(root: Client) -> None:
    typed = {
        "email": " New@Example.com ",
        "password1": "correct horse 9 battery",
        "password2": "correct horse 9 battery",
    }
    assert root.post(f"{USERS}add/", {**typed, "usable_password": "true"}).status_code == 302
    user = User.objects.get(email="new@example.com")
    assert user.check_password("correct horse 9 battery")
    role = Group.objects.get(name="support")
    rights = {"email": user.email, "is_active": "on", "is_staff": "on", "groups": [role.pk]}
    assert root.post(_change(user), rights).status_code == 302
    user.refresh_from_db()
    assert (user.is_staff, user.is_superuser, list(user.groups.all())) == (True, False, [role])


def test_an_email_has_one_account(root: Client, ada: Shopper) -> None:
    typed = {"email": "ADA@example.com", "password1": "correct horse 9 battery", "password2": "correct horse 9 battery"}
    assert root.post(f"{USERS}add/", {**typed, "usable_password": "true"}).status_code == 200
    assert User.objects.filter(email="ada@example.com").count() == 1


def test_whoever_changes_accounts_switches_customers_off_and_nothing_more(helper: Client, ada: Shopper) -> None:
    typed = {
        "email": "eve@example.com",
        "is_staff": "on",
        "is_superuser": "on",
        "groups": ["1"],
        "user_permissions": ["1"],
    }
    assert helper.post(_change(ada.user), typed).status_code == 302
    user = User.objects.get(pk=ada.user.pk)
    assert (user.email, user.is_active, user.is_staff, user.is_superuser) == ("ada@example.com", False, False, False)
    assert not user.groups.exists()
    assert not user.user_permissions.exists()


def test_nobody_but_superusers_touches_staff(helper: Client, sign_in: SignIn) -> None:
    sign_in(SUPERUSER)
    sign_in("warehouse")
    password = {
        "password1": "correct horse 9 battery",
        "password2": "correct horse 9 battery",
        "usable_password": "true",
    }
    for email in ("superuser@example.com", "warehouse@example.com", "helper@example.com"):
        user = User.objects.get(email=email)
        assert helper.post(_change(user), {"email": email, "is_superuser": "on"}).status_code == 403
        assert helper.post(f"{USERS}{user.pk}/password/", password).status_code == 403
        user.refresh_from_db()
        assert user.is_superuser == (email == "superuser@example.com")
        assert user.is_active
        assert not user.has_usable_password()


def test_an_account_made_by_a_helper_is_a_plain_one(helper: Client) -> None:
    typed = {"email": "new@example.com", "password1": "correct horse 9 battery", "password2": "correct horse 9 battery"}
    helper.post(f"{USERS}add/", {**typed, "usable_password": "true", "is_staff": "on", "is_superuser": "on"})
    user = User.objects.get(email="new@example.com")
    assert (user.is_staff, user.is_superuser) == (False, False)


def test_a_new_password_ends_every_session(root: Client, ada: Shopper) -> None:
    before = User.objects.get(pk=ada.user.pk).token_version
    password = {
        "password1": "correct horse 9 battery",
        "password2": "correct horse 9 battery",
        "usable_password": "true",
    }
    assert root.post(f"{USERS}{ada.user.pk}/password/", password).status_code == 302
    user = User.objects.get(pk=ada.user.pk)
    assert user.check_password("correct horse 9 battery")
    assert user.token_version > before
    assert Session.objects.filter(user=user).exists()


def test_groups_are_for_superusers(helper: Client, root: Client) -> None:
    group = Group.objects.get(name="support")
    assert helper.post(f"/admin/auth/group/{group.pk}/change/", {"name": "mine"}).status_code == 403
    assert root.get(f"/admin/auth/group/{group.pk}/change/").status_code == 200


def test_a_customers_page_leads_to_their_orders(root: Client, ada: Shopper, goods: Shop) -> None:
    order = cash_order(ada, goods)
    cash_order(shop.sign_up("bob@example.com"), goods)
    content = root.get(f"/admin/customers/customer/{ada.customer.pk}/change/").content.decode()
    address = f"/admin/orders/order/?customer__id__exact={ada.customer.pk}"
    assert f'href="{address}"' in content
    assert [row.pk for row in root.get(address).context["cl"].result_list] == [order.pk]
