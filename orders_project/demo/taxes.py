"""The taxes of the demo: German VAT, and none anywhere else, so that totals elsewhere are what the prices say."""

from __future__ import annotations

from datetime import date

from catalog.models import TaxRate

_BEGAN = date(2021, 1, 1)
_RATES = (("standard", 190_000), ("reduced", 70_000))


def ensure_tax_rates() -> None:
    """The rates are in force."""
    for category, ppm in _RATES:
        place = {"country": "DE", "state": "", "postcodes": ""}
        TaxRate.objects.get_or_create(
            name="VAT", category=category, valid_from=_BEGAN, **place, defaults={"rate_ppm": ppm}
        )
