"""How long the PDF of an invoice of one page takes, in a process of its own.

Run as `python -m benchmarks.pdf` in the environment of the servers, it renders one and prints what it measured as JSON;
the fonts are loaded before the clock starts, as in a worker that has rendered one before.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from statistics import median, quantiles

from benchmarks.system import System

TIMES = 100
LINES = 8


@dataclass(frozen=True)
class Pdf:
    """One page, rendered many times. Milliseconds of the clock and of the processor."""

    p50_ms: float
    p95_ms: float
    cpu_ms: float
    size: int


def measure(system: System) -> Pdf:
    """The figures of a process in the environment of the servers."""
    program = system.programs.manage("check_books")
    environment = {**program.environment, "DJANGO_SETTINGS_MODULE": "orders_project.settings"}
    command = [sys.executable, "-m", "benchmarks.pdf"]
    done = subprocess.run(command, env=environment, cwd=program.directory, capture_output=True, text=True, check=True)
    return Pdf(**json.loads(done.stdout))


def main() -> None:
    """Renders and prints."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "orders_project.settings")
    import django

    django.setup()
    from orders.invoices import pdf
    from orders.invoices.view import InvoiceView, Line, Paid, Party
    from orders.taxes.arithmetic import Levy

    line = Line("Kopfhörer, kabellos", "HEAD-1", "8518", 2, 19_999, 39_998, 0, 39_998, (Levy("VAT", 190_000, 7_600),),
                "", "S", True)  # fmt: skip
    party = Party("Beispiel GmbH", "Hauptstraße 1", "Berlin", "", "", "10115", "DE", "DE136695976")
    view = InvoiceView(
        kind="invoice", title="Invoice", number="INV-2026-000001", issued_on="2026-11-26", order_number=100_001,
        ordered_on="2026-11-26", supplied_on="", seller=party, buyer=party, delivers=True, place_of_supply="",
        is_gst=False, currency="EUR", prices_include_tax=False, lines=(line,) * LINES,
        paid=(Paid("2026-11-26", "Card", LINES * 47_598),),
    )  # fmt: skip
    content = pdf.render(view)
    took, before = [], time.process_time()
    for _ in range(TIMES):
        begun = time.perf_counter()
        pdf.render(view)
        took.append((time.perf_counter() - begun) * 1000)
    cpu_ms = (time.process_time() - before) * 1000 / TIMES
    print(json.dumps(asdict(Pdf(median(took), quantiles(took, n=20)[-1], cpu_ms, len(content)))))


if __name__ == "__main__":
    main()
