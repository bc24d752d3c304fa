"""How states look, and the one page that shows a secret."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib.admin import ModelAdmin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.cache import add_never_cache_headers

from catalog.admin.pages import coloured
from kit import clock
from payments.merchants.models import MerchantKey

ORDER_TONES: Mapping[str, str] = {"created": "info", "attempted": "warning", "paid": "success"}


def key_state(key: MerchantKey) -> str:
    """Whether a key counts, as a coloured word."""
    if key.revoked_at is not None:
        return coloured("Revoked", "danger")
    if key.valid_until is None:
        return coloured("Active", "success")
    return coloured("Replaced", "warning") if key.valid_until > clock.now() else coloured("Expired", "danger")


def secret_page(
    page: ModelAdmin[Any], request: HttpRequest, row: Any, *, title: str, secrets: Mapping[str, str], back: str
) -> HttpResponse:
    """The answer that shows what nobody can read again."""
    context = {
        **page.admin_site.each_context(request),
        "opts": page.opts,
        "original": row,
        "title": title,
        "secrets": secrets,
        "back": back,
    }
    answer = TemplateResponse(request, "admin/merchants/secret.html", context)
    add_never_cache_headers(answer)
    return answer
