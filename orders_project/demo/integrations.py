"""The demo shop's integration. Its key is a constant, known to everybody."""

from __future__ import annotations

from decimal import Decimal

from customers.integrations import keys
from customers.integrations.models import Integration, Scope

APIKEY = "qk_quittance-demo-2026-0123456789abcdefghijklmnop"
_NAME, _MOST = "Demo back end", Decimal(100)


def ensure_integration() -> str:
    """There is an integration with every scope, and its key counts; the key."""
    if not Integration.objects.filter(key_digest=keys.digest(APIKEY)).exists():
        keys.admit(Integration(name=_NAME, scopes=Scope.values, max_discount_percent=_MOST), key=APIKEY)
    return APIKEY
