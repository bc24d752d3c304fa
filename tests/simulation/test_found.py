"""What the simulation has found, as short as it can be told."""

from __future__ import annotations

import pytest

from orders.models import RefundKind
from payments.models import Refund, RefundDestination
from payments.reconciliation.models import Discrepancy
from tests.simulation import judging
from tests.simulation.fresh import worlds
from tests.simulation.world import NEWEST


def test_what_became_credit_and_is_refunded_at_the_gateway_as_well_is_put_before_a_person(
    db: None, gateway: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was a webhook that could never be worked, and an order that could never be settled again."""
    with worlds(monkeypatch) as open_world:
        world = open_world()
        world.buy(gateway, [(world.shop.cable, 1)], None)
        world.pay(NEWEST, "succeed", "none")
        world.confirm(NEWEST, None)
        world.refund(NEWEST, RefundKind.FULL, 100, RefundDestination.CREDIT)
        world.refund_at_gateway(NEWEST, 100)

        judging.come_to_rest(world)

        judging.assert_books_hold()
        judging.assert_at_rest(world)
        assert Discrepancy.objects.get(state="open").kind == "refunded_twice"


def test_a_refund_of_what_a_bank_has_taken_back_since_comes_to_an_end(
    db: None, gateway: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was asked for without end, and owed for ever."""
    with worlds(monkeypatch) as open_world:
        world = open_world()
        world.buy(gateway, [(world.shop.cable, 1)], None)
        world.pay(NEWEST, "succeed", "none")
        world.confirm(NEWEST, None)
        # Promised before anybody tells us that it is disputed.
        world.dispute(NEWEST, "open", 100, kept_back=True, webhook="none")
        world.cancel(NEWEST)
        world.dispute(NEWEST, "lose", 100, kept_back=True, webhook="normal")

        judging.come_to_rest(world)

        judging.assert_books_hold()
        judging.assert_at_rest(world)
        assert Refund.objects.get().state == "failed"
