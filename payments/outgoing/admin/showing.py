"""How states look, what a reason means, and links between the pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.urls import reverse
from django.utils.html import format_html

DELIVERY_TONES: Mapping[str, str] = {"waiting": "info", "delivered": "success", "given_up": "danger"}

# Why a target is refused, for whoever types it in.
REFUSALS: Mapping[str, str] = {
    "malformed": "This is not an address.",
    "scheme": "The address has to begin with https://.",
    "not_https": "The address has to begin with https://.",
    "user_info": "The address must not contain a user or a password.",
    "fragment": "The address must not contain a #.",
    "host": "The host has to be a full name such as hooks.example.com.",
    "port": "This port is not for the web: 443, or 1024 and above.",
    "private_address": "This address is private, local or reserved.",
}


def link(page: str, key: Any, text: Any) -> str:
    """A link to the page of a row; `page` is the model's name."""
    address = reverse(f"admin:outgoing_{page}_change", args=[key])
    return format_html('<a href="{}" class="text-primary-600 dark:text-primary-500">{}</a>', address, text)
