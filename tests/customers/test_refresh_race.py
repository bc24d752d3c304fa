"""Two parallel uses of one refresh token, over real connections; and what happens without the row lock."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from django.db import connection, transaction

from customers import tokens
from customers.authentication import refresh_session
from customers.models import Session
from customers.tokens import NotAuthenticated, Tokens, TokenType
from kit.ids import new_id
from tests.customers.conftest import Account


def _in_parallel(number: int, act: Callable[[threading.Barrier], Tokens]) -> list[Tokens | NotAuthenticated]:
    barrier = threading.Barrier(number)
    outcomes: list[Tokens | NotAuthenticated] = []

    def run() -> None:
        try:
            connection.ensure_connection()
            outcomes.append(act(barrier))
        except NotAuthenticated as refusal:
            outcomes.append(refusal)
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert len(outcomes) == number
    return outcomes


def test_of_parallel_refreshes_one_wins_and_the_session_ends(ada: Account) -> None:
    def refresh(barrier: threading.Barrier) -> Tokens:
        barrier.wait(timeout=10)
        return refresh_session(ada.tokens.refresh)

    outcomes = _in_parallel(4, refresh)
    winners = [outcome for outcome in outcomes if isinstance(outcome, Tokens)]
    assert len(winners) == 1
    assert Session.objects.get(user=ada.user).revoked_at is not None
    with pytest.raises(NotAuthenticated):
        refresh_session(winners[0].refresh)


def test_without_the_row_lock_both_would_win(ada: Account) -> None:
    """The negative control: the same reading and writing without FOR UPDATE hands out two pairs."""
    claims = tokens.read(ada.tokens.refresh, TokenType.REFRESH)

    def refresh_unlocked(barrier: threading.Barrier) -> Tokens:
        with transaction.atomic():
            session = Session.objects.get(pk=claims.session_id)
            barrier.wait(timeout=10)
            if session.current_token != claims.token_id:
                raise NotAuthenticated("refresh_token_used")
            session.current_token = new_id()
            session.save(update_fields=("current_token",))
            return tokens.issue(
                user_id=claims.user_id,
                session_id=session.pk,
                refresh_id=session.current_token,
                token_version=claims.token_version,
            )

    outcomes = _in_parallel(2, refresh_unlocked)
    assert [type(outcome) for outcome in outcomes] == [Tokens, Tokens]
