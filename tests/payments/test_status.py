"""The one word for how a payment stands: a table of what happens in real life, and what always holds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.status import PaymentFacts, PaymentStatus, payment_status

DUE = 10_000


@pytest.mark.parametrize(
    ("facts", "status"),
    [
        # nobody has paid yet
        ({}, "unpaid"),
        # a free order is paid as it is placed
        ({"due": 0}, "paid"),
        # called off before anybody paid; a hold of it lapses
        ({"due": 0, "is_called_off": True}, "voided"),
        ({"due": 0, "is_called_off": True, "authorized": 10_000}, "voided"),
        # money is held, all of it or some
        ({"authorized": 10_000}, "authorized"),
        ({"authorized": 1}, "authorized"),
        # cash in two parts; the rest may be held already
        ({"captured": 9_999}, "partially_paid"),
        ({"captured": 4_000, "authorized": 6_000}, "partially_paid"),
        # some of too little went back: the rest is still due
        ({"captured": 4_000, "refunded": 1_000}, "partially_paid"),
        ({"captured": 10_000}, "paid"),
        # paid twice, before and after somebody has noticed
        ({"captured": 20_000}, "overpaid"),
        ({"captured": 20_000, "refunding": 9_999}, "overpaid"),
        ({"captured": 20_000, "refunding": 10_000}, "refund_pending"),
        ({"captured": 20_000, "refunded": 10_000}, "paid"),
        # a return: promised, then back
        ({"captured": 10_000, "refunding": 1}, "refund_pending"),
        ({"captured": 10_000, "refunded": 1}, "partially_refunded"),
        ({"captured": 10_000, "refunded": 9_999}, "partially_refunded"),
        ({"captured": 10_000, "refunded": 10_000}, "refunded"),
        ({"captured": 4_000, "refunded": 4_000}, "refunded"),
        # paid once more after goodwill: what was given back of the price is not due any more
        ({"captured": 11_000, "refunded": 1_000, "lessened": 1_000}, "overpaid"),
        ({"captured": 11_000, "refunded": 1_000, "refunding": 1_000, "lessened": 1_000}, "refund_pending"),
        ({"captured": 11_000, "refunded": 2_000, "lessened": 1_000}, "partially_refunded"),
        # money of a cancelled order: kept since its refund failed, on its way, back
        ({"due": 0, "is_called_off": True, "captured": 10_000}, "overpaid"),
        ({"due": 0, "is_called_off": True, "captured": 10_000, "refunding": 10_000}, "refund_pending"),
        ({"due": 0, "is_called_off": True, "captured": 10_000, "refunded": 10_000}, "refunded"),
        # the payer's bank asks, decides for the payer, or for us
        ({"captured": 10_000, "disputed": 1}, "disputed"),
        ({"captured": 10_000, "refunded": 9_000, "disputed": 1_000, "charged_back": 1}, "disputed"),
        ({"captured": 10_000, "charged_back": 10_000}, "charged_back"),
    ],
)
def test_a_payment_is_called_what_it_is(facts: dict[str, int], status: str) -> None:
    assert payment_status(PaymentFacts(**{"due": DUE, **facts})) == PaymentStatus(status)  # type: ignore[arg-type]


amounts = st.integers(0, 5)


@st.composite
def possible(draw: st.DrawFn) -> PaymentFacts:
    """Any facts that can be: no more goes back than came in."""
    captured = draw(amounts)
    refunded = draw(st.integers(0, captured))
    refunding = draw(st.integers(0, captured - refunded))
    is_called_off = draw(st.booleans())
    due = 0 if is_called_off else draw(amounts)
    return PaymentFacts(
        due=due,
        authorized=draw(amounts),
        captured=captured,
        refunded=refunded,
        refunding=refunding,
        lessened=draw(st.integers(0, min(due, refunded + refunding))),
        disputed=draw(st.integers(0, captured)),
        charged_back=draw(st.integers(0, captured)),
        is_called_off=is_called_off,
    )


@given(possible())
def test_every_possible_state_of_affairs_has_its_word(facts: PaymentFacts) -> None:
    status, kept = payment_status(facts), facts.captured - facts.refunded
    if status == PaymentStatus.PAID:
        assert kept >= facts.due
        assert not facts.refunding
    if status in (PaymentStatus.UNPAID, PaymentStatus.AUTHORIZED, PaymentStatus.VOIDED):
        assert facts.captured == 0
    if status == PaymentStatus.OVERPAID:
        assert kept - facts.refunding > facts.due - facts.lessened
    if status == PaymentStatus.REFUNDED:
        assert kept == 0 < facts.captured
    if status == PaymentStatus.PARTIALLY_REFUNDED:
        assert 0 < kept < facts.due <= facts.captured
    assert (status == PaymentStatus.DISPUTED) == bool(facts.disputed)


@given(possible())
def test_only_who_has_called_off_is_voided_and_only_who_owes_is_unpaid(facts: PaymentFacts) -> None:
    status = payment_status(facts)
    if status == PaymentStatus.VOIDED:
        assert facts.is_called_off
    if status in (PaymentStatus.UNPAID, PaymentStatus.PARTIALLY_PAID, PaymentStatus.AUTHORIZED):
        assert facts.captured < facts.due
