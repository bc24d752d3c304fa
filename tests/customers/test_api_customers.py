"""What customers keep about themselves: each sees their own, and cannot tell another's from nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from customers import authentication
from customers.models import Address, Customer, User
from kit.ids import new_id
from tests.customers.conftest import PASSWORD, PEER, Account

ADDRESS = {
    "label": "Home",
    "street": "12 St James's Square",
    "city": "London",
    "state": "",
    "postal_code": "SW1Y 4JH",
    "country": "GB",
}


def send(api: Client, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Any:
    """A request with a JSON body, if any."""
    data = "" if body is None else json.dumps(body)
    return api.generic(method, f"/api/v1/{path}", data, content_type="application/json", headers=headers)


@pytest.fixture
def home(ada: Account) -> Address:
    """An address of Ada's."""
    return Address.objects.create(customer=ada.customer, **ADDRESS)


def test_a_customer_changes_name_and_phone_and_nothing_else(ada: Account, api: Client) -> None:
    wanted = {
        "last_name": "Lovelace",
        "email": "x@y.com",
        "id": str(new_id()),
        "user": str(new_id()),
        "user_id": str(new_id()),
        "is_staff": True,
    }
    response = send(api, "PATCH", "customers/me", wanted, ada.header)
    assert response.status_code == 200
    assert response.json() == {
        "id": str(ada.customer.pk),
        "email": "ada@example.com",
        "first_name": "Ada",
        "last_name": "Lovelace",
        "phone": "+44 20 7946 0000",
        "tax_number": "",
    }
    user = User.objects.get(pk=ada.user.pk)
    assert (user.email, user.is_staff) == ("ada@example.com", False)


def test_a_bad_change_is_refused_whole(ada: Account, api: Client) -> None:
    before = Customer.objects.values().get()
    response = send(api, "PATCH", "customers/me/", {"first_name": "Eve", "phone": "x"}, ada.header)
    assert response.status_code == 400
    assert Customer.objects.values().get() == before


def test_an_address_is_kept_read_changed_and_forgotten(ada: Account, api: Client) -> None:
    made = send(api, "POST", "addresses", {**ADDRESS, "country": "united kingdom"}, ada.header)
    assert made.status_code == 201
    id_ = made.json()["id"]
    assert made.json() == {"id": id_, **ADDRESS}
    assert send(api, "GET", f"addresses/{id_}", headers=ada.header).json() == made.json()
    assert send(api, "GET", "addresses/", headers=ada.header).json() == {"next": None, "results": [made.json()]}
    changed = send(api, "PATCH", f"addresses/{id_}/", {"city": "Paris", "country": "FRA"}, ada.header)
    assert changed.json() == {"id": id_, **ADDRESS, "city": "Paris", "country": "FR"}
    assert send(api, "DELETE", f"addresses/{id_}/", headers=ada.header).status_code == 204
    assert Address.objects.count() == 0


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"country": "Atlantis"}, ("not_a_country", "country")),
        ({"country": "XK"}, ("not_a_country", "country")),
        ({"country": 840}, ("invalid", "country")),
        ({"country": None}, ("null", "country")),
        ({"street": ""}, ("blank", "street")),
        ({"street": "x" * 201}, ("max_length", "street")),
        ({"city": {"a": 1}}, ("invalid", "city")),
        ({"postal_code": 12345}, ("invalid", "postal_code")),
        ({"label": "a\tb"}, ("invalid", "label")),
    ],
)
def test_a_bad_address_names_the_field_and_keeps_nothing(
    ada: Account, api: Client, change: dict[str, Any], error: tuple[str, str]
) -> None:
    response = send(api, "POST", "addresses/", {**ADDRESS, **change}, ada.header)
    assert response.status_code == 400
    assert [(one["code"], one["attr"]) for one in response.json()["errors"]] == [error]
    assert Address.objects.count() == 0


@pytest.mark.parametrize("field", ["customer", "customer_id", "id"])
def test_an_address_cannot_be_given_to_another(
    home: Address, bob: Account, ada: Account, api: Client, field: str
) -> None:
    before = Address.objects.values().get()
    send(api, "PATCH", f"addresses/{home.pk}/", {field: str(bob.customer.pk)}, ada.header)
    assert Address.objects.values().get() == before


# Every route with every kind of caller. "owner" is Ada, whose address it is; None: the route does not take the method.
_MATRIX = [
    ("GET", "customers/me/", {"nobody": 401, "owner": 200, "other": 200, "clerk": 403}),
    ("PATCH", "customers/me/", {"nobody": 401, "owner": 200, "other": 200, "clerk": 403}),
    ("DELETE", "customers/me/", {"nobody": 401, "owner": 405, "other": 405, "clerk": 403}),
    ("GET", "addresses/", {"nobody": 401, "owner": 200, "other": 200, "clerk": 403}),
    ("POST", "addresses/", {"nobody": 401, "owner": 400, "other": 400, "clerk": 403}),
    ("GET", "addresses/{id}/", {"nobody": 401, "owner": 200, "other": 404, "clerk": 403}),
    ("PATCH", "addresses/{id}/", {"nobody": 401, "owner": 200, "other": 404, "clerk": 403}),
    ("PUT", "addresses/{id}/", {"nobody": 401, "owner": 405, "other": 405, "clerk": 403}),
    ("DELETE", "addresses/{id}/", {"nobody": 401, "owner": 204, "other": 404, "clerk": 403}),
]


@pytest.mark.parametrize(
    ("method", "path", "role", "status"),
    [(method, path, role, status) for method, path, by_role in _MATRIX for role, status in by_role.items()],
)
def test_every_route_answers_every_role(
    home: Address, ada: Account, bob: Account, clerk: User, api: Client, method: str, path: str, role: str, status: int
) -> None:
    headers = {
        "nobody": {},
        "owner": ada.header,
        "other": bob.header,
        "clerk": {"Authorization": f"Bearer {authentication.sign_in(clerk.email, PASSWORD, PEER).access}"},
    }[role]
    before = list(Address.objects.values())
    body: dict[str, str] | None = {} if method in {"PATCH", "POST", "PUT"} else None
    response = send(api, method, path.format(id=home.pk), body, headers)
    assert response.status_code == status
    if not (method == "DELETE" and status == 204):
        assert list(Address.objects.values()) == before


@pytest.mark.parametrize("id_", ["1", "x", "%00", "\uff11", "{id}x", "{hex}", "{{{id}}}", "0" * 5000])
def test_what_is_no_id_is_not_found_like_another_customers(home: Address, bob: Account, api: Client, id_: str) -> None:
    path = id_.format(id=home.pk, hex=home.pk.hex)
    odd = send(api, "GET", f"addresses/{path}/", headers=bob.header)
    others = send(api, "GET", f"addresses/{home.pk}/", headers=bob.header)
    missing = send(api, "GET", f"addresses/{new_id()}/", headers=bob.header)
    assert odd.status_code == others.status_code == missing.status_code == 404
    assert odd.content == others.content == missing.content


def test_the_list_is_paged_and_costs_two_statements_at_any_length(
    ada: Account, bob: Account, api: Client, django_assert_num_queries: Callable[..., Any]
) -> None:
    made = [Address.objects.create(customer=ada.customer, **ADDRESS) for _ in range(5)]
    Address.objects.create(customer=bob.customer, **ADDRESS)
    seen: list[str] = []
    path = "addresses/?limit=2"
    pages = 0
    while path:
        with django_assert_num_queries(2):
            body = send(api, "GET", path, headers=ada.header).json()
        seen += [address["id"] for address in body["results"]]
        pages += 1
        path = (body["next"] or "").removeprefix("http://testserver/api/v1/")
    assert pages == 3
    assert seen == sorted(str(address.pk) for address in made)


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=x", "limit=1&limit=2", "cursor=x", "customer=1"])
def test_a_bad_query_is_a_400_that_names_the_parameter(ada: Account, api: Client, query: str) -> None:
    response = send(api, "GET", f"addresses/?{query}", headers=ada.header)
    assert response.status_code == 400
    assert response.json()["errors"][0]["attr"] == query.split("=", maxsplit=1)[0]
