"""A job exists when and only when the transaction that wants it commits, inside the worker as everywhere else."""

from __future__ import annotations

import contextlib

import pytest
from django.db import transaction
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob

from payments.deferring import defer_job

pytestmark = pytest.mark.django_db


class _Broken(Exception):
    """The transaction fails."""


@pytest.mark.parametrize("in_worker", [False, True])
@pytest.mark.parametrize("commits", [True, False])
def test_a_job_shares_the_fate_of_its_transaction(in_worker: bool, commits: bool) -> None:
    with contextlib.ExitStack() as stack:
        if in_worker:
            # What `manage.py procrastinate worker` does around its whole life.
            stack.enter_context(app.replace_connector(app.connector.get_worker_connector()))  # type: ignore[attr-defined]
        with contextlib.suppress(_Broken), transaction.atomic():
            defer_job("orders.send_refund", queue="money", lock="a refund", refund_id="1")
            if not commits:
                raise _Broken
    assert ProcrastinateJob.objects.count() == int(commits)
