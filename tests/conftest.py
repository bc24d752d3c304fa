"""Every test runs on a real PostgreSQL of its own session, with committed data, and leaves books that add up.

The server is started here, before Django reads its settings; xdist's workers share it, each with databases of its own.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from tempfile import TemporaryDirectory

import pytest
from pytest_django.plugin import DjangoDbBlocker

from runner.throwaway import throwaway_postgres

# It judges for several tests, whichever is imported first.
pytest.register_assert_rewrite("tests.simulation.judging")

_session = ExitStack()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if "PYTEST_XDIST_WORKER" not in os.environ:
    postgres = _session.enter_context(throwaway_postgres())
    for name in [name for name in os.environ if name.startswith(("STRIPE_", "RAZORPAY_"))]:
        del os.environ[name]
    os.environ |= {
        "ENVIRONMENT": "test",
        "DEBUG": "false",
        "DATABASE_URL": postgres.url("quittance"),
        "SANDBOX_DATABASE_URL": postgres.url("quittance_sandbox"),
        "GATEWAY_READ_TIMEOUT_S": "1",
        "MEDIA_ROOT": _session.enter_context(TemporaryDirectory()),
    }
os.environ |= {
    "SANDBOX_PORT": str(_free_port()),
    "PORT": str(_free_port()),
    "DJANGO_SETTINGS_MODULE": "orders_project.settings",
}

import django  # noqa: E402 - the environment above is what the settings are read from

django.setup()
# xdist's workers inherit this environment, and would read the settings before they have ports of their own.
del os.environ["DJANGO_SETTINGS_MODULE"]

from django.test.utils import setup_databases  # noqa: E402

from tests import books  # noqa: E402
from tests.gateway_process import SandboxProcess  # noqa: E402
from tests.server_process import ServerProcess  # noqa: E402
from tests.shop import Shop, Shopper, open_shop, sign_up  # noqa: E402


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "without_orders: names orders by ids that nobody has placed")


def pytest_unconfigure() -> None:
    _session.close()


@pytest.fixture(scope="session")
def django_db_setup(django_db_modify_db_settings: None, django_db_blocker: DjangoDbBlocker) -> None:
    """Both databases, migrated, one pair for each of xdist's workers. They go with the whole server."""
    with django_db_blocker.unblock():
        setup_databases(verbosity=0, interactive=False)


@pytest.fixture
def _django_db_helper(
    request: pytest.FixtureRequest, django_db_setup: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[None]:
    """Takes the place of pytest-django's: nothing is rolled back, since what is judged is what was committed.

    Afterwards the books are checked and both databases emptied.
    """
    with django_db_blocker.unblock():
        books.empty()
        yield
        try:
            books.check(with_orders=request.node.get_closest_marker("without_orders") is None)
        finally:
            books.empty()


@pytest.fixture(scope="session")
def sandbox_process(django_db_setup: None) -> Iterator[SandboxProcess]:
    """The sandbox gateway, on a listener and in a process of its own, as in production a gateway would be."""
    with SandboxProcess() as process:
        yield process


@pytest.fixture
def sandbox(db: None, sandbox_process: SandboxProcess) -> SandboxProcess:
    """The running sandbox, for a test that commits."""
    return sandbox_process


@pytest.fixture(scope="session")
def server_process(sandbox_process: SandboxProcess) -> Iterator[ServerProcess]:
    """The project's own server, on a listener and in a process of its own, with the sandbox for its gateways."""
    del sandbox_process
    with ServerProcess() as process:
        yield process


@pytest.fixture
def server(db: None, server_process: ServerProcess) -> ServerProcess:
    """The running server, for a test that calls it as strangers do."""
    return server_process


@pytest.fixture
def shop(db: None) -> Shop:
    """The shop with its goods in stock."""
    return open_shop()


@pytest.fixture
def ada(db: None) -> Shopper:
    """A customer."""
    return sign_up("ada@example.com")


@pytest.fixture
def bob(db: None) -> Shopper:
    """Another customer."""
    return sign_up("bob@example.com")


@pytest.fixture(params=["stripe", "razorpay"])
def gateway(request: pytest.FixtureRequest) -> str:
    """Each gateway in turn."""
    return str(request.param)
