"""A merchant of the demo who collects with Razorpay's interface. Its keys are constants; production has none."""

from __future__ import annotations

from itertools import count

from payments.merchants import keys
from payments.merchants.models import Merchant, MerchantKey

NAME = "Demo Merchant"
SECRET = "DemoSecretOfQuittance026"  # noqa: S105 - printed for everybody to use
_KEY_ID = "rzp_test_DemoMerchant{:02}"


def ensure_merchant() -> dict[str, str]:
    """The demo's merchant is there with a key that counts: always the same, until somebody revokes or replaces it."""
    merchant, _ = Merchant.objects.get_or_create(name=NAME)
    if not merchant.active:
        merchant.active = True
        merchant.save(update_fields=["active"])
    key_id = next(key_id for key_id in map(_KEY_ID.format, count(1)) if _ensure_key(merchant, key_id))
    return {"key_id": key_id, "key_secret": SECRET}


def _ensure_key(merchant: Merchant, key_id: str) -> bool:
    """Whether this key counts for good; one that was never there does."""
    known = MerchantKey.objects.filter(key_id=key_id).first()
    if known is None:
        keys.issue(merchant, key_id=key_id, secret=SECRET)
    return known is None or keys.is_current(known)
