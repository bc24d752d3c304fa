"""What a production must not start with. Errors, not warnings: `gunicorn` and every command stop at them."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register

from kit.money import CURRENCIES
from orders.invoices import issuing, numbering
from orders.late_money import Otherwise, Revives
from orders.taxes.arithmetic import TaxRounding

LEAST_CALLS_PER_SECOND = 100


@register(Tags.security)
def production_has_no_development_defaults(app_configs: Any = None, **_: Any) -> list[CheckMessage]:
    """Errors, in production, for a default secret, the sandbox, DEBUG, half a gateway's keys, and links without TLS."""
    del app_configs
    return list(_errors()) if settings.PRODUCTION else []


@register()
def rules_are_known(app_configs: Any = None, **_: Any) -> list[CheckMessage]:
    """Errors for a rule of the shop that is none."""
    del app_configs
    return [
        Error(f"{name}={getattr(settings, name)} is none of {', '.join(known)}.", id="quittance.E007")
        for name, known in (
            ("LATE_MONEY_REVIVES", Revives),
            ("LATE_MONEY_OTHERWISE", Otherwise),
            ("TAX_ROUNDING", TaxRounding),
            ("INVOICE_ON_DELIVERY_ISSUED", (issuing.SENT, issuing.PAID)),
        )
        if getattr(settings, name) not in list(known)
    ]


@register()
def merchants_can_call(app_configs: Any = None, **_: Any) -> list[CheckMessage]:
    """Errors for a throttle that would hinder honest merchants, and for currencies that are none."""
    del app_configs
    found: list[CheckMessage] = []
    if settings.MERCHANT_CALLS_PER_SECOND < LEAST_CALLS_PER_SECOND:
        text = f"MERCHANT_CALLS_PER_SECOND is below {LEAST_CALLS_PER_SECOND}."
        found.append(Error(text, hint="Raise it, or unset it.", id="quittance.E012"))
    unknown = sorted(set(settings.MERCHANT_CURRENCIES) - CURRENCIES)
    if unknown or not settings.MERCHANT_CURRENCIES:
        text = f"MERCHANT_CURRENCIES names no currencies: {', '.join(unknown) or 'it is empty'}."
        found.append(Error(text, hint="Three capital letters each, comma separated.", id="quittance.E013"))
    return found


@register()
def invoices_can_be_numbered(app_configs: Any = None, **_: Any) -> list[CheckMessage]:
    """Errors for numbers that two documents could share, or that the law does not allow."""
    del app_configs
    faults = numbering.format_faults(
        settings.INVOICE_NUMBER_FORMAT,
        settings.INVOICE_SERIES,
        settings.FISCAL_YEAR_FIRST_MONTH,
        settings.SELLER.country,
    )
    return [Error(fault, id="quittance.E011") for fault in faults]


def _errors() -> list[CheckMessage]:
    found: list[CheckMessage] = []
    if settings.DEVELOPMENT_SECRET_KEY in settings.SECRET_KEYS or any(len(key) < 50 for key in settings.SECRET_KEYS):
        found.append(
            Error(
                "SECRET_KEY is missing, the development default, or shorter than 50 characters.",
                hint="Set SECRET_KEY. For development: `make run`, or ENVIRONMENT=development with a DATABASE_URL.",
                id="quittance.E001",
            )
        )
    if settings.SANDBOX or "/sandbox/" in f"{settings.STRIPE_API_BASE}/{settings.RAZORPAY_API_BASE}/":
        found.append(
            Error(
                "The sandbox gateway would answer for Stripe and Razorpay.",
                hint="Set STRIPE_SECRET_KEY or RAZORPAY_KEY_ID, and no API base that is a sandbox's.",
                id="quittance.E002",
            )
        )
    if settings.DEBUG:
        found.append(Error("DEBUG is on.", hint="Unset DEBUG.", id="quittance.E003"))
    for key, secret in (
        ("STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET"),
        ("RAZORPAY_KEY_ID", "RAZORPAY_WEBHOOK_SECRET"),
        ("RAZORPAY_KEY_ID", "RAZORPAY_KEY_SECRET"),
    ):
        if getattr(settings, key) and not settings.SANDBOX and not getattr(settings, secret):
            found.append(Error(f"{key} is set without {secret}.", id="quittance.E004"))
    if not settings.HTTPS:
        found.append(
            Error(
                "PUBLIC_BASE_URL is not an https:// address: links, cookies and passwords would travel in the clear.",
                hint="Set PUBLIC_BASE_URL=https://..., and BEHIND_PROXY=true where a proxy ends TLS.",
                id="quittance.E005",
            )
        )
    if settings.OUTGOING_ALLOWED_PRIVATE_HOSTS:
        found.append(
            Error(
                "Outgoing events may go to private hosts: whoever subscribes could reach what is not public.",
                hint="Unset OUTGOING_ALLOWED_PRIVATE_HOSTS.",
                id="quittance.E006",
            )
        )
    if settings.CRASH_AT:
        found.append(
            Error("CRASH_AT would kill the process, and is ignored here.", hint="Unset CRASH_AT.", id="quittance.E010")
        )
    return found
