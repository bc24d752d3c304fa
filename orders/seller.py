"""Who sells: the business whose name, address and tax number invoices carry, and where it is for taxes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Seller:
    """The shop's own business. `state` is an ISO 3166-2 code without country, `tax_number` a VAT number or GSTIN,
    `registration` its number in a register of companies."""

    name: str
    street: str
    city: str
    state: str
    postal_code: str
    country: str
    tax_number: str
    email: str
    registration: str = ""
