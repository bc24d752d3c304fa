"""How long a settlement file takes and what memory it needs: `python -m benchmarks.settling --rows 10000 100000`.

Each size is imported by a process of its own on a database of its own, against as many captured payments. The gateway
is silent, so that the database and the reading are all that is measured.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from runner.throwaway import throwaway_postgres

_PER_SETTLEMENT = 50_000
_COLUMNS = "entity_id,type,debit,credit,amount,currency,fee,tax,settlement_id,settled_at,settlement_utr"
_PAYMENTS = """
SET session_replication_role = replica;
INSERT INTO payments_paymentattempt (id, request_id, gateway, gateway_payment_id, state, amount_minor, captured_minor,
    refunded_minor, credited_minor, currency, method, last4, failure_code, changed_at)
SELECT gen_random_uuid(), gen_random_uuid(), 'razorpay', 'pay_' || lpad(n::text, 14, '0'), 'captured', 10000, 10000, 0,
    0, 'INR', 'card', '1111', '', now() FROM generate_series(0, {rows} - 1) n;
RESET session_replication_role;
ANALYZE payments_paymentattempt
"""


def main() -> None:
    """Measure each size, and print what it took as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(_measure(options.measure, options.rows[0])))
        return
    with tempfile.TemporaryDirectory() as directory:
        for rows in options.rows:
            print(json.dumps(_in_a_process(Path(directory) / f"{rows}.csv", rows)), flush=True)


def _in_a_process(path: Path, rows: int) -> dict[str, float]:
    _write_file(path, rows)
    with throwaway_postgres() as postgres:
        for name in ("quittance", "quittance_sandbox"):
            postgres.ensure_database(name)
        environment = {
            **os.environ,
            "ENVIRONMENT": "test",
            "DATABASE_URL": postgres.url("quittance"),
            "SANDBOX_DATABASE_URL": postgres.url("quittance_sandbox"),
            "DJANGO_SETTINGS_MODULE": "orders_project.settings",
            "RAZORPAY_API_BASE": "http://127.0.0.1:9",
        }
        command = [sys.executable, "-m", "benchmarks.settling", "--measure", str(path), "--rows", str(rows)]
        done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    measured: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return measured


def _write_file(path: Path, rows: int) -> None:
    with path.open("w") as file:
        file.write(_COLUMNS + "\n")
        for number in range(rows):
            at = 1_790_000_000 + number // _PER_SETTLEMENT
            name = f"setl_{number // _PER_SETTLEMENT:014}"
            file.write(f"pay_{number:014},payment,0,9764,10000,INR,236,36,{name},{at},UTR{at}\n")


def _measure(path: Path, rows: int) -> dict[str, float]:
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection

    from payments.settlements.importing import File, import_file

    call_command("migrate", verbosity=0)
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        cursor.execute(_PAYMENTS.format(rows=rows))
    before = _peak_mib()
    began = time.perf_counter()
    counts = import_file(File("razorpay", path))
    took = time.perf_counter() - began
    if counts.new_lines != rows:
        raise RuntimeError(f"{counts.new_lines} lines of {rows}")
    return {
        "rows": rows,
        "seconds": round(took, 2),
        "us_per_row": round(took / rows * 1e6, 1),
        "peak_mib": _peak_mib(),
        "peak_before_mib": before,
    }


def _peak_mib() -> float:
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)


if __name__ == "__main__":
    main()
