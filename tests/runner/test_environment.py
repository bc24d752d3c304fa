from __future__ import annotations

from pathlib import Path

import pytest

from runner.databases import sandbox_url_beside
from runner.environment import read_environment, wants_sandbox, with_sandbox_gateways
from tests.runner.checkout import PROJECT


def test_the_real_environment_wins_over_the_file(tmp_path: Path) -> None:
    env_file = tmp_path / ".env"
    env_file.write_text("# a comment\nPORT=9000\nexport DEBUG='false'\nEMPTY=\nnot a line\nWEB_WORKERS=4 # cores\n")
    assert read_environment(env_file, {"PORT": "9001"}) == {
        "PORT": "9001",
        "DEBUG": "false",
        "EMPTY": "",
        "WEB_WORKERS": "4",
    }


def test_a_missing_file_is_an_empty_one(tmp_path: Path) -> None:
    assert read_environment(tmp_path / ".env", {"A": "b"}) == {"A": "b"}


@pytest.mark.parametrize(
    ("settings", "wanted"),
    [
        ({}, True),
        ({"STRIPE_SECRET_KEY": "", "RAZORPAY_KEY_ID": ""}, True),
        ({"STRIPE_SECRET_KEY": "sk"}, False),
        ({"RAZORPAY_KEY_ID": "rzp"}, False),
    ],
)
def test_the_sandbox_answers_only_while_there_is_no_gateway_key(settings: dict[str, str], wanted: bool) -> None:
    assert wants_sandbox(settings) is wanted


def test_a_chosen_gateway_address_is_kept() -> None:
    settings = with_sandbox_gateways({"STRIPE_API_BASE": "http://chosen"}, 4321)
    assert settings == {
        "SANDBOX_PORT": "4321",
        "STRIPE_API_BASE": "http://chosen",
        "RAZORPAY_API_BASE": "http://127.0.0.1:4321/sandbox/razorpay",
    }


@pytest.mark.parametrize(
    ("url", "beside"),
    [
        ("postgres://u:p@host:5432/shop", "postgres://u:p@host:5432/shop_sandbox"),
        ("postgres:///shop?host=/run/pg", "postgres:///shop_sandbox?host=/run/pg"),
        ("postgres://u@h/shop?sslmode=require", "postgres://u@h/shop_sandbox?sslmode=require"),
    ],
)
def test_the_sandbox_database_lies_beside_the_shops(url: str, beside: str) -> None:
    assert sandbox_url_beside(url) == beside


def test_every_setting_of_the_example_has_a_comment() -> None:
    lines = (PROJECT / ".env.example").read_text().splitlines()
    settings = [
        number for number, line in enumerate(lines) if line.startswith("# ") and line[2:3].isupper() and "=" in line
    ]
    assert len(settings) > 20
    assert [lines[number] for number in settings if not lines[number - 1].startswith("# ")] == []
