"""The roles of the back office: groups with the least rights that the work needs. They exist in every installation."""

from __future__ import annotations

from collections.abc import Mapping

from django.contrib.auth.models import Group, Permission
from django.db.models import Q

_SEE_ORDERS = (
    "orders.view_order",
    "orders.view_orderline",
    "orders.view_orderhistory",
    "orders.view_notice",
    "orders.view_campaign",
    "payments.view_paymentrequest",
    "payments.view_paymentattempt",
    "payments.view_refund",
    "payments.view_dispute",
    "orders.view_orderrefund",
    "orders.view_orderwriteoff",
    "orders.view_invoice",
    "customers.view_customer",
    "customers.view_eventprofile",
    "catalog.view_event",
    "catalog.view_product",
    "catalog.view_variant",
    "catalog.view_stock",
    "catalog.view_stockmovement",
    "catalog.view_deliverymethod",
)

_SEE_COUPONS = (
    "orders.view_coupon",
    "orders.view_couponbatch",
    "orders.view_couponuse",
)

_SEE_CREDIT = (
    "payments.view_creditbalance",
    "orders.view_creditgrant",
)

_SEE_OUTGOING = (
    "outgoing.view_subscription",
    "outgoing.view_outgoingevent",
    "outgoing.view_delivery",
)

ROLES: Mapping[str, tuple[str, ...]] = {
    # answers the telephone: sees orders, may call one off, give money back or grant credit, with a second person above
    # the limits
    "support": (
        *_SEE_ORDERS,
        *_SEE_COUPONS,
        *_SEE_CREDIT,
        "orders.cancel_order",
        "orders.refund_order",
        "orders.grant_credit",
    ),
    # packs and sends, and takes the money at the door
    "warehouse": (*_SEE_ORDERS, "orders.fulfil_order", "orders.collect_cash"),
    # looks after flyers: enters what they say, hands them to the mailing system, calls them off
    "campaigns": (
        *_SEE_ORDERS,
        "orders.change_campaign",
        "orders.schedule_campaign",
        "orders.cancel_campaign",
    ),
    # decides what is on sale, and how much of it there is
    "catalogue": (
        *(f"catalog.{act}_{model}" for act in ("view", "add", "change") for model in ("product", "variant")),
        *(f"catalog.{act}_deliverymethod" for act in ("view", "add", "change")),
        "catalog.view_stock",
        "catalog.change_stock",
        "catalog.view_stockmovement",
    ),
    # plans events, and sees who takes part
    "events": (
        "catalog.view_event",
        "catalog.add_event",
        "catalog.change_event",
        "customers.view_eventprofile",
    ),
    # decides what coupons there are, and takes their codes away to print them
    "marketing": (
        *_SEE_COUPONS,
        "orders.add_coupon",
        "orders.change_coupon",
        "orders.add_couponbatch",
        "catalog.view_product",
        "catalog.view_variant",
    ),
    # connects the shop's own systems and merchants who collect through us: whoever decides who hears of what happens,
    # and who may ask for money, has a role of its own
    "integrations": (
        *_SEE_OUTGOING,
        "outgoing.add_subscription",
        "outgoing.change_subscription",
        "outgoing.redeliver_delivery",
        "orders.view_mailingkey",
        "orders.add_mailingkey",
        "orders.revoke_mailingkey",
        "merchants.view_merchant",
        "merchants.add_merchant",
        "merchants.change_merchant",
        "merchants.view_merchantkey",
        "merchants.manage_merchantkey",
    ),
    # checks the money, sees what gateways told us and asks them again
    "accounting": (
        *_SEE_ORDERS,
        *_SEE_OUTGOING,
        *_SEE_COUPONS,
        *_SEE_CREDIT,
        "payments.view_webhookevent",
        "merchants.view_merchant",
        "merchants.view_merchantorder",
        "settlements.view_settlement",
        "settlements.view_settlementline",
        "settlements.view_settlementimport",
        "reconciliation.view_discrepancy",
        "reconciliation.view_reconciliationrun",
        "reconciliation.resolve_discrepancy",
        "payments.view_ledgertransfer",
        "payments.view_ledgerentry",
        *(f"catalog.{act}_taxrate" for act in ("view", "add", "change")),
        "orders.refund_order",
        "orders.approve_refund",
        "orders.grant_credit",
        "orders.approve_credit",
        "orders.write_off_order",
        "orders.approve_write_off",
        "orders.ask_gateway",
        "orders.request_payment",
        "orders.capture_payment",
        "orders.void_payment",
        "payments.add_disputenote",
        "payments.work_again_webhookevent",
    ),
}


def ensure_roles() -> None:
    """Every role exists with exactly its rights; groups that staff made themselves are left alone."""
    for role, rights in ROLES.items():
        wanted = Q()
        for right in rights:
            app, codename = right.split(".")
            wanted |= Q(content_type__app_label=app, codename=codename)
        group, _ = Group.objects.get_or_create(name=role)
        group.permissions.set(Permission.objects.filter(wanted))
