"""What the checkout page's own Content-Security-Policy allows beyond that of the other pages: Razorpay's checkout,
where it is the real one, and sending the payer back to a merchant's site.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from django.conf import settings
from django.utils.csp import CSP

_RAZORPAY = "https://*.razorpay.com"


def of_page() -> dict[str, list[str]]:
    """For the page that opens the checkout."""
    policy: dict[str, list[str]] = dict(settings.SECURE_CSP)
    if settings.SANDBOX:
        return policy
    return {
        **policy,
        "script-src": [CSP.SELF, CSP.NONCE, "https://checkout.razorpay.com"],
        # Razorpay's script draws its window with styles of its own.
        "style-src": [CSP.SELF, CSP.UNSAFE_INLINE],
        "img-src": [CSP.SELF, "data:", _RAZORPAY],
        "font-src": [CSP.SELF, "data:", _RAZORPAY],
        "connect-src": [CSP.SELF, _RAZORPAY],
        "frame-src": [_RAZORPAY],
    }


def of_handover(callback_url: str) -> dict[str, list[str]]:
    """For the page that sends the payer to a merchant's address: there, and wherever that sends them on to."""
    return {**settings.SECURE_CSP, "form-action": [f"{urlsplit(callback_url).scheme}:"]}
