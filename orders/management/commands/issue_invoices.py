"""Issues the invoices that are missing: of orders from before there were any, and after a change of the settings."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import transaction

from orders.invoices import archive
from orders.invoices.issuing import issue_due
from orders.models import Invoice, InvoiceKind, Order, OrderStatus

_BATCH = 500
_PAID = (OrderStatus.PAID, OrderStatus.COMPLETED)


class Command(BaseCommand):
    help = (
        "Issue the invoices of paid orders that have none, the oldest first, dated today; with --verify, prove that "
        "every PDF is what its hash says, rendering it anew. Exit 1 when one is not. Safe to run twice, or at once."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="count them, and issue none")
        parser.add_argument("--verify", action="store_true", help="issue none; look at the PDFs of all that there are")
        parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")

    def handle(self, *args: Any, **options: Any) -> None:
        told = self._verify() if options["verify"] else self._issue(dry_run=options["dry_run"])
        if options["json"]:
            self.stdout.write(json.dumps(told))
        else:
            self.stdout.write(", ".join(f"{name.replace('_', ' ')}: {value}" for name, value in told.items()))
        if told.get("differ"):
            raise SystemExit(1)

    def _issue(self, *, dry_run: bool) -> dict[str, Any]:
        last, count = 0, 0
        while True:
            paid = Order.objects.filter(status__in=_PAID, number__gt=last).exclude(invoices__kind=InvoiceKind.INVOICE)
            rows = list(paid.order_by("number").values_list("number", "pk")[:_BATCH])
            if not rows:
                return {"missing" if dry_run else "issued": count}
            last = rows[-1][0]
            count += len(rows) if dry_run else sum(_issue(order_id) for _, order_id in rows)

    def _verify(self) -> dict[str, Any]:
        verified, differ = 0, []
        for invoice in Invoice.objects.filter(pdf__isnull=False).order_by("pk").iterator(chunk_size=_BATCH):
            try:
                archive.verify(invoice)
            except archive.PdfDiffers:
                differ.append(invoice.number)
            verified += 1
        return {"verified": verified, "differ": differ}


def _issue(order_id: Any) -> bool:
    """True if the order has got its invoice by this very call."""
    with transaction.atomic(durable=True):
        order = Order.objects.select_for_update().get(pk=order_id)
        if order.status not in _PAID or order.invoices.filter(kind=InvoiceKind.INVOICE).exists():
            return False
        if not order.needs_invoice:
            order.needs_invoice = True
            order.save(update_fields=["needs_invoice"])
        issue_due(order)
    return True
