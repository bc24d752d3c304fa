"""`python -m runner` from start to stop, on stand-ins for the Django project."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys

import pytest

from runner.leftovers import MARK, end_leftovers
from tests.runner.checkout import Checkout, children_of, free_port, is_alive, wait_until

RUNNING = "Ctrl-C stops everything."


def test_everything_is_started_in_order_recorded_for_other_shells_and_stopped_without_a_trace(
    checkout: Checkout,
) -> None:
    run = checkout.start()
    checkout.wait_for(RUNNING)
    assert checkout.get() is not None
    commands = checkout.commands()
    assert sorted(commands[:2]) == ["migrate --noinput", "migrate --noinput --database sandbox"]
    assert commands[2] == "seed_demo"
    assert {command.split()[0] for command in commands[3:]} == {
        "procrastinate",
        "send_sandbox_webhooks",
        "demo_command",
    }
    output = checkout.output()
    assert "seeded for development" in output
    assert f"http://127.0.0.1:{checkout.port}/sandbox/pay" in output
    assert "\ncurl buys something\n" in output
    for queues in ("events", "money", "orders,upkeep,mail,outgoing"):
        assert any(command.endswith(f"--queues {queues}") for command in commands)
    assert "events | ready" in output
    descendants = children_of(run.pid)
    assert len(descendants) >= 6
    run_file = checkout.directory / "var" / "run.env"
    assert stat.S_IMODE(run_file.stat().st_mode) == 0o600
    recorded = dict(line.split("=", 1) for line in run_file.read_text().splitlines())
    sandbox = f"http://127.0.0.1:{recorded['SANDBOX_PORT']}/sandbox"
    assert recorded["PORT"] == str(checkout.port)
    assert recorded["ENVIRONMENT"] == "development"
    assert recorded["STRIPE_API_BASE"] == f"{sandbox}/stripe"
    assert recorded["RAZORPAY_API_BASE"] == f"{sandbox}/razorpay"
    assert "/quittance?" in recorded["DATABASE_URL"]
    assert "/quittance_sandbox?" in recorded["SANDBOX_DATABASE_URL"]

    run.send_signal(signal.SIGTERM)
    assert run.wait(timeout=20) == 0
    assert [pid for pid in descendants if is_alive(pid)] == []
    assert not run_file.exists()
    assert checkout.get() is None


def test_ctrl_c_stops_everything_with_exit_code_0(checkout: Checkout) -> None:
    run = checkout.start_with_databases_elsewhere()
    checkout.wait_for(RUNNING)
    descendants = children_of(run.pid)
    run.send_signal(signal.SIGINT)
    assert run.wait(timeout=20) == 0
    assert [pid for pid in descendants if is_alive(pid)] == []


def test_a_stop_during_the_first_steps_ends_them_too(checkout: Checkout) -> None:
    (checkout.directory / "manage.py").write_text("print('slow', flush=True); import time; time.sleep(600)")
    run = checkout.start_with_databases_elsewhere()
    wait_until(lambda: children_of(run.pid))
    checkout.wait_for("Migrating")
    run.send_signal(signal.SIGTERM)
    assert run.wait(timeout=20) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ties a process to its parent")
def test_nothing_survives_a_killed_runner_and_the_next_one_recovers(checkout: Checkout) -> None:
    run = checkout.start()
    checkout.wait_for(RUNNING)
    descendants = children_of(run.pid)
    run.kill()
    run.wait()
    wait_until(lambda: not [pid for pid in descendants if is_alive(pid)])

    (checkout.directory / "output.log").write_text("")
    checkout.start()
    checkout.wait_for(RUNNING)
    assert checkout.get() is not None


def test_what_a_killed_runner_left_is_ended_and_nothing_else(checkout: Checkout) -> None:
    sleep = [sys.executable, "-c", "import time; time.sleep(60)"]
    with (
        subprocess.Popen(sleep, env={**os.environ, MARK: str(checkout.directory)}) as leftover,
        subprocess.Popen(sleep, env={**os.environ, MARK: str(checkout.directory) + "2"}) as bystander,
    ):
        try:
            wait_until(lambda: end_leftovers(checkout.directory) == 1)
            assert leftover.wait(timeout=5) == -signal.SIGKILL
            assert bystander.poll() is None
        finally:
            bystander.kill()


def test_a_taken_port_is_refused_before_anything_is_started(checkout: Checkout) -> None:
    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", checkout.port))
        squatter.listen()
        run = checkout.start()
        assert run.wait(timeout=10) == 1
    assert f"Port {checkout.port} is in use" in checkout.output()
    assert not (checkout.directory / "commands.log").exists()
    assert not (checkout.directory / "var" / "postgres").exists()


def test_a_second_runner_in_the_same_checkout_is_refused(checkout: Checkout) -> None:
    checkout.start_with_databases_elsewhere()
    checkout.wait_for(RUNNING)
    second = checkout.start_with_databases_elsewhere(PORT=str(free_port()))
    assert second.wait(timeout=10) == 1
    assert "make run is already running in this checkout." in checkout.output()
    assert checkout.get() is not None


def test_a_runner_that_is_stopping_is_waited_for(checkout: Checkout) -> None:
    first = checkout.start_with_databases_elsewhere()
    checkout.wait_for(RUNNING)
    first.send_signal(signal.SIGTERM)
    checkout.wait_for("Stopping.")
    (checkout.directory / "output.log").write_text("")
    checkout.start_with_databases_elsewhere()
    checkout.wait_for(RUNNING)
    assert first.wait(timeout=10) == 0


def test_a_program_that_dies_is_started_again(checkout: Checkout) -> None:
    checkout.start_with_databases_elsewhere()
    checkout.wait_for(RUNNING)
    log = checkout.directory / "commands.log"
    worker = next(line for line in log.read_text().splitlines() if "--queues money" in line)
    os.kill(int(worker.split()[0]), signal.SIGKILL)
    checkout.wait_for("money ended with -9; it starts again in 0.5 s.")
    wait_until(lambda: log.read_text().count("--queues money") == 2)


def test_a_killed_web_server_comes_back_on_its_port(checkout: Checkout) -> None:
    run = checkout.start_with_databases_elsewhere()
    checkout.wait_for(RUNNING)
    worker = checkout.get()
    assert worker is not None
    master = next(pid for pid in children_of(run.pid) if int(worker) in children_of(pid))
    os.kill(master, signal.SIGKILL)
    wait_until(lambda: checkout.get() not in {None, worker})


def test_a_step_that_fails_ends_the_run_and_shows_why(checkout: Checkout) -> None:
    (checkout.directory / "fail-seed_demo").touch()
    run = checkout.start_with_databases_elsewhere()
    assert run.wait(timeout=20) == 1
    assert "manage.py seed_demo failed with 1." in checkout.output()
    assert checkout.get() is None


def test_nothing_is_printed_of_a_demo_command_that_fails(checkout: Checkout) -> None:
    (checkout.directory / "fail-demo_command").touch()
    checkout.start_with_databases_elsewhere()
    checkout.wait_for(RUNNING)
    assert "curl" not in checkout.output()


def test_with_gateway_keys_there_is_no_sandbox(checkout: Checkout) -> None:
    checkout.start_with_databases_elsewhere(STRIPE_SECRET_KEY="sk_test_x", RAZORPAY_KEY_ID="rzp_test_x")
    checkout.wait_for(RUNNING)
    assert "migrate --noinput --database sandbox" not in checkout.commands()
    assert "send_sandbox_webhooks" not in checkout.commands()
    assert "/sandbox/pay" not in checkout.output()
    assert "API_BASE" not in (checkout.directory / "var" / "run.env").read_text()
