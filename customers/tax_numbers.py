"""Numbers by which businesses are registered for VAT in the EU and for GST in India."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from stdnum import exceptions
from stdnum.eu import vat
from stdnum.in_ import gstin


def normalised_tax_number(text: str) -> str | None:
    """The number in its one spelling, a VAT number with its country first; None for what cannot be one by its form and
    check digits. Whether it is in force only the authorities know.
    """
    for kind in (vat, gstin):
        try:
            return str(kind.validate(text))
        except exceptions.ValidationError:
            continue
    return None


def check_tax_number(text: str) -> None:
    """Raises ValidationError for anything but a number in its one spelling."""
    if normalised_tax_number(text) != text:
        raise ValidationError(
            "Not a VAT number of the EU with its country, nor an Indian GSTIN.", code="tax_number_invalid"
        )
