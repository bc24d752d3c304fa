"""How the back office looks, and what its side bar offers to whom. Read by unfold as `settings.UNFOLD`."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse_lazy


def _page(title: str, icon: str, name: str) -> dict[str, Any]:
    """An entry of the side bar, for those who may see the page: `name` is app_model."""
    app, model = name.split("_")
    return {
        "title": title,
        "icon": icon,
        "link": reverse_lazy(f"admin:{name}_changelist"),
        "permission": lambda request: request.user.has_perm(f"{app}.view_{model}"),
    }


# A receipt, in the colour of the pages.
_ICON = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Cpath fill='%230f766e' "
    "d='M3 1l1.7 1L6.3 1 8 2l1.7-1 1.6 1L13 1v14l-1.7-1-1.6 1L8 14l-1.7 1-1.6-1L3 15z'/%3E%3Cpath stroke='white' "
    "d='M5.5 5.5h5M5.5 8h5M5.5 10.5h3'/%3E%3C/svg%3E"
)


def environment(_request: HttpRequest) -> list[str] | None:
    """A mark on every page of an installation that is not the real one."""
    return None if settings.PRODUCTION else [settings.ENVIRONMENT.capitalize(), "warning"]


def start_page(_request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """What the first page is called."""
    return {**context, "title": "Back office"}


LOOK: dict[str, Any] = {
    "SITE_TITLE": "Quittance",
    "SITE_HEADER": "Quittance",
    "SITE_SUBHEADER": "Back office",
    "SITE_SYMBOL": "receipt_long",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": lambda request: _ICON}],
    "SITE_URL": None,
    "SHOW_HISTORY": True,
    "SHOW_BACK_BUTTON": True,
    "ENVIRONMENT": "orders_project.admin_look.environment",
    "DASHBOARD_CALLBACK": "orders_project.admin_look.start_page",
    "BORDER_RADIUS": "6px",
    "LOGIN": {"form": "orders_project.admin_sign_in.SignInForm"},
    "COLORS": {
        "primary": {
            "50": "oklch(98.4% .014 180.72)",
            "100": "oklch(95.3% .051 180.801)",
            "200": "oklch(91% .096 180.426)",
            "300": "oklch(85.5% .138 181.071)",
            "400": "oklch(77.7% .152 181.912)",
            "500": "oklch(70.4% .14 182.503)",
            "600": "oklch(51.1% .096 186.391)",
            "700": "oklch(43.7% .078 188.216)",
            "800": "oklch(38.6% .063 188.416)",
            "900": "oklch(32% .055 189)",
            "950": "oklch(27.7% .046 192.524)",
        }
    },
    "SIDEBAR": {
        "show_search": False,
        "show_all_applications": False,
        "navigation": [
            {
                "title": "Sales",
                "items": [
                    _page("Orders", "shopping_cart", "orders_order"),
                    _page("Refunds by staff", "assignment_return", "orders_orderrefund"),
                    _page("Coupons", "percent", "orders_coupon"),
                    _page("Coupon batches", "confirmation_number", "orders_couponbatch"),
                    _page("Invoices", "description", "orders_invoice"),
                    _page("Write-offs", "money_off", "orders_orderwriteoff"),
                    _page("Flyer campaigns", "forward_to_inbox", "orders_campaign"),
                ],
            },
            {
                "title": "Money",
                "separator": True,
                "items": [
                    _page("Payment requests", "payments", "payments_paymentrequest"),
                    _page("Refunds", "undo", "payments_refund"),
                    _page("Customer credit", "account_balance_wallet", "payments_creditbalance"),
                    _page("Granted credit", "redeem", "orders_creditgrant"),
                    _page("Ledger", "menu_book", "payments_ledgertransfer"),
                    _page("Disputes", "gavel", "payments_dispute"),
                    _page("Webhook events", "webhook", "payments_webhookevent"),
                    _page("Settlements", "account_balance", "settlements_settlement"),
                    _page("Settlement lines", "receipt_long", "settlements_settlementline"),
                    _page("Settlement files", "upload_file", "settlements_settlementimport"),
                    _page("Discrepancies", "difference", "reconciliation_discrepancy"),
                    _page("Reconciliations", "sync", "reconciliation_reconciliationrun"),
                ],
            },
            {
                "title": "Merchants",
                "separator": True,
                "items": [
                    _page("Merchants", "storefront", "merchants_merchant"),
                    _page("Merchants' keys", "key", "merchants_merchantkey"),
                    _page("Merchants' orders", "shopping_bag", "merchants_merchantorder"),
                ],
            },
            {
                "title": "Catalogue",
                "separator": True,
                "items": [
                    _page("Products", "sell", "catalog_product"),
                    _page("Stock", "inventory_2", "catalog_stock"),
                    _page("Stock movements", "swap_vert", "catalog_stockmovement"),
                    _page("Delivery methods", "local_shipping", "catalog_deliverymethod"),
                    _page("Tax rates", "percent", "catalog_taxrate"),
                ],
            },
            {
                "title": "Events",
                "separator": True,
                "items": [
                    _page("Events", "event", "catalog_event"),
                    _page("Entries", "how_to_reg", "customers_eventprofile"),
                ],
            },
            {
                "title": "Outgoing events",
                "separator": True,
                "items": [
                    _page("Subscriptions", "hub", "outgoing_subscription"),
                    _page("Events", "campaign", "outgoing_outgoingevent"),
                    _page("Deliveries", "outbox", "outgoing_delivery"),
                ],
            },
            {
                "title": "Incoming reports",
                "separator": True,
                "items": [_page("Keys of mailing systems", "key", "orders_mailingkey")],
            },
            {
                "title": "People",
                "separator": True,
                "items": [
                    _page("Customers", "group", "customers_customer"),
                    _page("Accounts", "account_circle", "customers_user"),
                    {
                        "title": "Groups",
                        "icon": "shield_person",
                        "link": reverse_lazy("admin:auth_group_changelist"),
                        "permission": lambda request: request.user.is_superuser,
                    },
                ],
            },
        ],
    },
}
