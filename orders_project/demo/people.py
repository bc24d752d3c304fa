"""Who shops and who works in the demo shop. Addresses and passwords are constants; production has none of them."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib.auth.models import Group

from customers.authentication import start_session
from customers.models import Customer, User
from customers.tokens import Tokens
from orders_project.roles import ROLES

PASSWORD = "quittance-demo-2026"  # noqa: S105 - printed for everybody to use
CUSTOMERS = (
    ("ada@example.com", "Ada", "Byron"),
    ("grace@example.com", "Grace", "Hopper"),
    ("alan@example.com", "Alan", "Turing"),
    ("joan@example.com", "Joan", "Clarke"),
)
MEMBER = 2
"""Which of them is a member, and has nothing to do with the orders that are placed for the others."""
SUPERUSER = "root@example.com"


@dataclass(frozen=True, slots=True)
class DemoCustomer:
    """A customer with a session of this run."""

    customer: Customer
    tokens: Tokens


def ensure_customers() -> list[DemoCustomer]:
    """The demo's customers exist, can sign in with the demo's password, and have fresh tokens."""
    found = []
    for email, first_name, last_name in CUSTOMERS:
        user = _ensure_user(email)
        customer, _ = Customer.objects.get_or_create(
            user=user, defaults={"first_name": first_name, "last_name": last_name, "phone": "+1 212 555 0100"}
        )
        found.append(DemoCustomer(customer, start_session(user)))
    return found


def ensure_staff() -> list[dict[str, str]]:
    """One member of staff for each role, and a superuser."""
    staff = [{"email": SUPERUSER, "password": PASSWORD, "role": "superuser"}]
    _ensure_user(SUPERUSER, is_staff=True, is_superuser=True)
    for role in ROLES:
        email = f"{role}@example.com"
        user = _ensure_user(email, is_staff=True)
        user.groups.add(Group.objects.get(name=role))
        staff.append({"email": email, "password": PASSWORD, "role": role})
    return staff


def _ensure_user(email: str, **rights: bool) -> User:
    user = User.objects.filter(email=email).first() or User.objects.create_user(email, PASSWORD, **rights)
    if not user.is_active or not user.check_password(PASSWORD):
        user.is_active = True
        user.set_password(PASSWORD)
        user.save(update_fields=["is_active", "password", "token_version"])
    return user
