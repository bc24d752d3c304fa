"""Numbers of documents: dense, by the shop's own day and fiscal year, and lawful."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from kit import clock
from orders import actors
from orders.fulfilment import send_order
from orders.invoices.numbering import fiscal_label, fiscal_year, format_faults, numbered
from orders.models import Invoice
from tests.shop import Shop, Shopper, place

SERIES = {"invoice": "INV", "credit_note": "CN", "debit_note": "DN"}
FORM = "{series}-{fy}-{number:06}"


@pytest.mark.parametrize(
    ("day", "first_month", "begins", "label"),
    [
        (date(2026, 11, 26), 1, date(2026, 1, 1), "2026"),
        (date(2026, 3, 31), 4, date(2025, 4, 1), "25-26"),
        (date(2026, 4, 1), 4, date(2026, 4, 1), "26-27"),
        (date(2026, 12, 31), 4, date(2026, 4, 1), "26-27"),
        (date(2100, 1, 1), 7, date(2099, 7, 1), "99-00"),
    ],
)
def test_a_day_is_in_one_fiscal_year(day: date, first_month: int, begins: date, label: str) -> None:
    assert fiscal_year(day, first_month) == begins
    assert fiscal_label(begins) == label


def test_a_number_of_india_has_sixteen_characters() -> None:
    number = numbered(FORM, series="INV", first=date(2026, 4, 1), serial=7)
    assert (number, len(number)) == ("INV-26-27-000007", 16)
    assert format_faults(FORM, SERIES, 4, "IN") == []


@pytest.mark.parametrize(
    ("form", "series", "month", "country", "said"),
    [
        ("{series}-{number}", SERIES, 1, "US", "needs {series}, {fy} and {number}"),
        ("{series}-{fy}-{number}-{other}", SERIES, 1, "US", "cannot be filled in"),
        ("{series}-{fy}-{number:x", SERIES, 1, "US", "cannot be filled in"),
        (FORM, {**SERIES, "debit_note": "INV"}, 1, "US", "must differ"),
        (FORM, {**SERIES, "debit_note": ""}, 1, "US", "none be empty"),
        ("{series} {fy} {number}", SERIES, 1, "US", "letters, digits, hyphens and slashes only"),
        ("{series}-{fy}-{number:07}", SERIES, 4, "IN", "more than 16 characters"),
        (FORM, SERIES, 13, "US", "is a month"),
    ],
)
def test_settings_that_make_no_unique_or_lawful_numbers_are_named(
    form: str, series: dict[str, str], month: int, country: str, said: str
) -> None:
    assert any(said in fault for fault in format_faults(form, series, month, country))


def issue_at(moment: datetime, shop: Shop, ada: Shopper) -> Invoice:
    """An order that is sent at an instant, and so invoiced."""
    with clock.turned(moment - datetime.now(UTC)):
        order = place(ada, shop.cash, (shop.cable, 1))
        send_order(order.pk, actor=actors.SYSTEM)
    return order.invoices.get()


def test_the_fiscal_year_of_india_ends_with_march_by_its_own_clock(shop: Shop, ada: Shopper, settings: Any) -> None:
    settings.SHOP_TIME_ZONE, settings.FISCAL_YEAR_FIRST_MONTH = ZoneInfo("Asia/Kolkata"), 4
    midnight = datetime(2031, 4, 1, tzinfo=ZoneInfo("Asia/Kolkata"))
    last, first, second = (issue_at(midnight + timedelta(seconds=seconds), shop, ada) for seconds in (-30, 30, 60))
    assert [one.number for one in (last, first, second)] == ["INV-30-31-000001", "INV-31-32-000001", "INV-31-32-000002"]
    assert (last.fiscal_year, first.fiscal_year) == (date(2030, 4, 1), date(2031, 4, 1))
    assert [one.view["issued_on"] for one in (last, first)] == ["2031-03-31", "2031-04-01"]
    # By UTC both are of March.
    assert first.issued_at.date() == date(2031, 3, 31)


def test_no_document_is_older_than_the_one_before_it_whatever_a_clock_says(shop: Shop, ada: Shopper) -> None:
    noon = datetime(2031, 6, 15, 12, tzinfo=UTC)
    first = issue_at(noon, shop, ada)
    second = issue_at(noon - timedelta(hours=2), shop, ada)
    assert [one.serial for one in (first, second)] == [1, 2]
    assert second.issued_at == first.issued_at
