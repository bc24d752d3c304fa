"""The table of tax rates: what may become of a rate, and loading rates from a file, all of it or nothing."""

from __future__ import annotations

import json
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command

from catalog.models import TaxRate
from catalog.tax_rates.keeping import percent_of, ppm_of, today, why_not
from catalog.tax_rates.loading import BadRates, load_rates

HEADER = "name,country,state,postcodes,category,rate,zero_reason,valid_from,valid_until\n"
FILE = (
    HEADER
    + "VAT,Germany,,,standard,19,,2021-01-01,\n"
    + "VAT,DE,,,medical,0,exempt,2021-01-01,\n"
    + "New York City,USA,New York,100*,,4.5 %,,2021-01-01,\n"
    + "GST,IN,,,standard,18,,2021-01-01,2999-01-01\n"
)


@pytest.mark.parametrize(
    ("text", "ppm"),
    [("19", 190_000), ("8.875", 88_750), ("8,875 %", 88_750), ("0", 0), ("100", 1_000_000), ("0.0001", 1)]
    + [(bad, None) for bad in ("", "-1", "100.0001", "1e1", "NaN", "8.87501", "١٩", "19%%", "1 9")],
)
def test_a_percentage_is_exact_or_none(text: str, ppm: int | None) -> None:
    assert ppm_of(text) == ppm
    if ppm is not None:
        assert ppm_of(percent_of(ppm)) == ppm


def make(**fields: object) -> TaxRate:
    return TaxRate(**{"name": "VAT", "country": "DE", "rate_ppm": 190_000, "valid_from": today(), **fields})


def test_what_has_begun_can_be_ended_and_nothing_else() -> None:
    tomorrow = today() + timedelta(days=1)
    begun, later = make(), make(valid_from=tomorrow)
    assert why_not(later, make(valid_from=tomorrow, rate_ppm=1)) is None
    assert why_not(begun, make()) is None
    assert why_not(begun, make(valid_until=tomorrow)) is None
    assert why_not(begun, make(rate_ppm=1)) == ("rate_ppm", "The rate has begun: end it, and begin another.")
    refused = why_not(begun, make(valid_until=today()))
    assert refused is not None
    assert refused[0] == "valid_until"
    over = make(valid_from=today() - timedelta(days=9), valid_until=today())
    assert why_not(over, make(valid_from=today() - timedelta(days=9), valid_until=None)) == (
        "valid_until",
        "The rate has ended.",
    )


def write(tmp_path: Path, text: str, encoding: str = "utf-8") -> Path:
    file = tmp_path / "rates.csv"
    file.write_bytes(text.encode(encoding))
    return file


def test_a_file_is_loaded_once_however_often(db: None, tmp_path: Path) -> None:
    file = write(tmp_path, "\ufeff" + FILE.replace("\n", "\r\n"))
    assert len(load_rates(file, dry_run=True).added) == 4
    assert TaxRate.objects.count() == 0
    first, second = load_rates(file), load_rates(file)
    assert (len(first.added), len(second.added), len(second.changed), second.unchanged) == (4, 0, 0, 4)
    city = TaxRate.objects.get(name="New York City")
    assert (city.country, city.state, city.postcodes, city.category, city.rate_ppm) == (
        "US", "NY", "100*", "standard", 45_000,
    )  # fmt: skip


def test_what_has_not_begun_is_corrected_and_what_has_is_ended(db: None, tmp_path: Path) -> None:
    load_rates(write(tmp_path, HEADER + "VAT,DE,,,standard,19,,2021-01-01,\nVAT,DE,,,standard,20,,2998-01-01,\n"))
    changed = HEADER + "VAT,DE,,,standard,19,,2021-01-01,2998-01-01\nVAT,DE,,,standard,21,,2998-01-01,\n"
    loaded = load_rates(write(tmp_path, changed))
    assert (len(loaded.added), len(loaded.changed)) == (0, 2)
    assert [rate.rate_ppm for rate in TaxRate.objects.order_by("valid_from")] == [190_000, 210_000]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "line 1: no column name"),
        ("name,country\n", "line 1: no column rate"),
        (HEADER.replace("zero_reason", "reason"), "line 1: no column is called 'reason'"),
        (HEADER.replace("postcodes", "state"), "line 1: the column state is there twice"),
        (FILE + "VAT,Atlantis,,,standard,19,,2021-01-01,\n", "line 6: country: Not a country."),
        (FILE + "VAT,US,Atlantis,,standard,19,,2021-01-01,\n", "line 6: state: No part of US."),
        (FILE + "VAT,FR,,,standard,190,,2021-01-01,\n", "line 6: rate: Not a percentage"),
        (FILE + "VAT,FR,,,Standard!,19,,2021-01-01,\n", "line 6: category: Lower-case"),
        (FILE + "VAT,FR,,,standard,19,,1.1.2021,\n", "line 6: valid_from: Not a day"),
        (FILE + "VAT,FR,,,standard,19,,2021-01-01,2020-01-01\n", "line 6: rate: The database would refuse it"),
        (FILE + "VAT,FR,,,standard,19,exempt,2021-01-01,\n", "line 6: rate: The database would refuse it"),
        (FILE + "GST,IN,,,other,18.0001,,2021-01-01,\n", "line 6: rate: The database would refuse it"),
        (FILE + "VAT,DE,,,standard,19,,2021-01-01,\n", "line 6: the same rate as in line 2"),
        (FILE + "VAT,DE\n", "line 6: 2 fields, not 9"),
        (FILE + "V\0T,DE,,,standard,19,,2021-01-01,\n", "line 6: a NUL character"),
        (FILE + '"VAT,DE,,,standard,19,,2021-01-01,\n', "line 6"),
    ],
)
def test_a_bad_line_is_named_and_nothing_is_loaded(db: None, tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(BadRates) as refused:
        load_rates(write(tmp_path, text))
    assert any(fault.startswith(said) for fault in refused.value.faults), refused.value.faults
    assert TaxRate.objects.count() == 0


def test_every_fault_of_a_file_is_named_and_a_rate_in_force_stays(db: None, tmp_path: Path) -> None:
    load_rates(write(tmp_path, FILE))
    bad = FILE.replace("standard,19,", "standard,16,") + "VAT,Atlantis,,,standard,19,,2021-01-01,\n"
    with pytest.raises(BadRates) as refused:
        load_rates(write(tmp_path, bad))
    assert refused.value.faults == [
        "line 2: rate_ppm: The rate has begun: end it, and begin another.",
        "line 6: country: Not a country.",
    ]
    assert TaxRate.objects.get(category="standard", country="DE").rate_ppm == 190_000


def test_a_file_that_is_no_text_or_not_there_is_refused(db: None, tmp_path: Path) -> None:
    for file in (write(tmp_path, "é" * 9, "latin-1"), tmp_path / "none.csv"):
        with pytest.raises(BadRates, match="line 1"):
            load_rates(file)


def test_the_command_speaks_json_and_exits_with_two_when_it_refuses(db: None, tmp_path: Path) -> None:
    out = StringIO()
    call_command("load_tax_rates", write(tmp_path, FILE), "--json", "--dry-run", stdout=out)
    told = json.loads(out.getvalue())
    assert (told["dry_run"], len(told["added"]), told["unchanged"]) == (True, 4, 0)
    assert told["added"][2]["rate"] == "4.5"
    out = StringIO()
    with pytest.raises(SystemExit) as stopped:
        call_command("load_tax_rates", write(tmp_path, "x"), "--json", stdout=out)
    assert stopped.value.code == 2
    assert json.loads(out.getvalue())["faults"][0] == "line 1: no column name"
