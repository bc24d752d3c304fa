"""Purchases, payouts and the files that gateways make of them, in a few words."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import razorpay
import stripe
from django.conf import settings
from django.core.management import call_command
from django.db import connection

from kit.money import Money
from orders import actors
from orders.models import Order
from orders.settlement import settle
from payments import gateways
from payments.models import Account, LedgerEntry, PaymentAttempt, PaymentRequest, TransferKind
from payments.reconciliation.models import Discrepancy, DiscrepancyState
from tests import jobs
from tests.faults.buying import buy
from tests.gateway_process import SandboxProcess
from tests.shop import Article, Shop, Shopper

INDIA = ZoneInfo("Asia/Kolkata")
type Cells = dict[str, Any]


@dataclass(frozen=True)
class World:
    """Who buys what where."""

    shop: Shop
    ada: Shopper
    sandbox: SandboxProcess

    def sell(self, gateway: str, article: Article | None = None) -> PaymentAttempt:
        """An order, paid and recorded."""
        order, payment = buy(self.ada, self.shop, gateway, article)
        self.sandbox.pay(payment)
        jobs.deliver()
        jobs.work()
        return attempt_of(order)

    def sell_unheard(self, gateway: str) -> Order:
        """An order that is paid, of which nobody has told us."""
        order, payment = buy(self.ada, self.shop, gateway)
        self.sandbox.pay(payment, webhook="none")
        return order

    def sandbox_speaks(self, order: Order) -> None:
        """We ask the gateway about an order, as a reconciliation of payments does."""
        request = PaymentRequest.objects.get(subject_id=order.pk)
        report = gateways.online(request.gateway).fetch(request.gateway_reference or "")
        settle(order.pk, actor=actors.SYSTEM, report=report)
        jobs.work()

    def refund(self, attempt: PaymentAttempt, minor: int) -> str:
        """Somebody sends some of a payment back in the gateway's dashboard, and we hear of it; the refund's id."""
        name = refund_at(attempt, minor)
        jobs.settle_down()
        return name

    def pay_out(self, gateway: str, *, negative: bool = False) -> str:
        """The gateway pays out what it owes, in one currency; the settlement's id."""
        (payout,) = self.sandbox.settle(gateway, negative=negative)
        return str(payout["id"])


def attempt_of(order: Order) -> PaymentAttempt:
    """The payment of an order that was tried once."""
    return PaymentAttempt.objects.get(request__subject_id=order.pk)


def reconcile(*arguments: str, code: int | None = 0) -> dict[str, Any]:
    """Run the command; what it says as JSON, and nothing else. Fails for another exit code, if one is named."""
    out = io.StringIO()
    exited = 0
    try:
        call_command("reconcile_settlements", *arguments, "--json", stdout=out)
    except SystemExit as error:
        exited = int(error.code or 0)
    answer: dict[str, Any] = json.loads(out.getvalue())
    assert code in (None, exited), answer
    return answer


def import_rows(path: Path, gateway: str, *arguments: str, code: int | None = 0) -> dict[str, Any]:
    """Import a file; what was said of its gateway."""
    answer: dict[str, Any] = reconcile("--file", str(path), "--gateway", gateway, *arguments, code=code)
    told: dict[str, Any] = answer["gateways"][gateway]
    return told


def refund_at(attempt: PaymentAttempt, minor: int) -> str:
    """A refund made at the gateway by its own SDK; its id."""
    if attempt.gateway == "razorpay":
        options = {"amount": minor, "speed": "normal"}
        return str(razorpay_client().payment.refund(attempt.gateway_payment_id, options)["id"])
    made = stripe_client().v1.refunds.create({"charge": attempt.gateway_payment_id, "amount": minor})
    return str(made.id)


def razorpay_client() -> Any:
    """Razorpay's own SDK."""
    auth = (settings.RAZORPAY_KEY_ID, settings.RAZORPAY_KEY_SECRET)
    return razorpay.Client(auth=auth, base_url=settings.RAZORPAY_API_BASE)


def stripe_client() -> stripe.StripeClient:
    """Stripe's own SDK."""
    return stripe.StripeClient(settings.STRIPE_SECRET_KEY, base_addresses={"api": settings.STRIPE_API_BASE})


def recon(day: datetime | None = None) -> list[Cells]:
    """The rows of Razorpay's settlement recon of a day, or of today, by its own SDK."""
    day = (day or datetime.now(UTC)).astimezone(INDIA)
    asked = {"year": day.year, "month": day.month, "day": day.day, "count": 1000}
    answer = razorpay_client().settlement.report(data=asked)
    rows: list[Cells] = answer["items"]
    return rows


def itemised(payout: str) -> list[Cells]:
    """The rows of Stripe's itemised payout reconciliation of a payout, and the payout's own, made of what its own SDK
    lists."""
    client = stripe_client()
    paid_out = client.v1.payouts.retrieve(payout)
    trace: Any = paid_out.trace_id
    rows = []
    listed = client.v1.balance_transactions.list({"payout": payout, "limit": 100, "expand": ["data.source"]})
    for entry in listed.auto_paging_iter():
        currency, source = entry.currency.upper(), entry.source
        whole = None if isinstance(source, str) else source
        category = str(entry.reporting_category)
        rows.append(
            {
                "automatic_payout_id": payout,
                "automatic_payout_effective_at": datetime.fromtimestamp(paid_out.arrival_date, UTC).isoformat(),
                "balance_transaction_id": entry.id,
                "created": entry.created,
                "currency": entry.currency,
                "gross": Money(entry.amount, currency).major,
                "fee": Money(entry.fee, currency).major,
                "net": Money(entry.net, currency).major,
                "reporting_category": category,
                "source_id": source if whole is None else whole.id,
                "charge_id": whole.id if whole and category == "charge" else getattr(whole, "charge", None),
                "payment_intent_id": getattr(whole, "payment_intent", None),
                "trace_id": trace["value"],
                "description": None,
            }
        )
    return rows


def rows_of(world: World, gateway: str, *, sales: int = 2) -> list[Cells]:
    """A correct file over two settlements: payments, a refund, one that failed, and a dispute."""
    attempts = [world.sell(gateway, world.shop.cable) for _ in range(sales)]
    world.refund(attempts[0], 300)
    first = world.pay_out(gateway)
    disputed = world.sell(gateway)
    world.sell(gateway)
    world.sandbox.fail_refund(world.refund(attempts[1], 400))
    world.sandbox.dispute(disputed.gateway_payment_id, amount=500)
    jobs.settle_down()
    second = world.pay_out(gateway)
    return recon() if gateway == "razorpay" else [*itemised(first), *itemised(second)]


def lines_of(rows: Sequence[Cells]) -> list[Cells]:
    """The rows that are lines: Stripe's payout itself is none."""
    return [row for row in rows if row.get("reporting_category") != "payout"]


def silently(world: World, path: Path, gateway: str, *, code: int | None = 1) -> dict[str, Any]:
    """Import a file while the gateway does not answer; what was said of it."""
    world.sandbox.arm(gateway, "*", "error_500", times=100)
    try:
        return import_rows(path, gateway, code=code)
    finally:
        world.sandbox.arm(gateway, "*", "none")


def write_file(
    path: Path, rows: Iterable[Mapping[str, Any]], *, separator: str = ",", start: str = "", end: str = "\n"
) -> Path:
    """A CSV file of rows, as a gateway would write it: nothing is an empty field or the word null."""
    kept = [dict(row) for row in rows]
    columns: Sequence[str] = list(kept[0])
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(start)
        writer = csv.DictWriter(file, columns, delimiter=separator, lineterminator=end)
        writer.writeheader()
        for row in kept:
            writer.writerow({name: "null" if value is None else value for name, value in row.items()})
    return path


def balances() -> dict[tuple[str, str], int]:
    """What the settlements have moved on each account, without those that are even."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT e.account, e.currency, sum(e.amount_minor)::bigint FROM payments_ledgerentry e "
            "JOIN payments_ledgertransfer t ON t.id = e.transfer_id WHERE t.kind = %s "
            "GROUP BY 1, 2 HAVING sum(e.amount_minor) <> 0",
            [TransferKind.SETTLEMENT.value],
        )
        return {(account, currency): amount for account, currency, amount in cursor.fetchall()}


def balance(account: Account, currency: str = "USD") -> int:
    """What stands on an account, over everything."""
    entries = LedgerEntry.objects.filter(account=account, currency=currency)
    return sum(entries.values_list("amount_minor", flat=True))


def forget() -> None:
    """As if nothing had ever been settled or filed; the tables' own guards are put aside for it."""
    settled = "SELECT id FROM payments_ledgertransfer WHERE kind = 'settlement'"
    tables = ("claimedrow", "settlementclaim", "settlementline", "settlement", "settlementimport")
    deletes = [f"DELETE FROM settlements_{table}" for table in tables]
    deletes += [f"DELETE FROM reconciliation_{table}" for table in ("discrepancyact", "discrepancy")]
    deletes += [f"DELETE FROM payments_ledgerentry WHERE transfer_id IN ({settled})"]
    deletes += ["DELETE FROM payments_ledgertransfer WHERE kind = 'settlement'"]
    with connection.cursor() as cursor:
        script = ";".join(deletes)
        cursor.execute(f"SET session_replication_role = replica; {script}; RESET session_replication_role")


_WATCHED = ("payments_%", "settlements_%", "orders_%", "reconciliation_discrepancy%")


def written() -> dict[str, int]:
    """How many rows there are in each table that a reconciliation of settlements writes to, or must not."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename LIKE ANY(%s)", [list(_WATCHED)]
        )
        counts = " UNION ALL ".join(f"SELECT '{name}', count(*) FROM {name}" for (name,) in cursor.fetchall())
        cursor.execute(counts)
        return dict(cursor.fetchall())


def left_open() -> set[tuple[str, str]]:
    """What waits for a person: kind and gateway's id."""
    waiting = Discrepancy.objects.filter(state=DiscrepancyState.OPEN)
    return set(waiting.values_list("kind", "gateway_id"))
