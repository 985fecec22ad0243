"""What a job may leave behind in its thread's connections, and must not."""

from __future__ import annotations

from contextlib import suppress

import pytest
from django.db import OperationalError, ProgrammingError, connection, connections, transaction
from django.db.utils import ConnectionHandler
from psycopg import sql as composed

from django_jobs.housekeeping import (
    IDLE_TRUST,
    clean_connections,
    clean_connections_after,
    expect_jobs,
    refresh_connections,
)
from tests.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)


def in_job_thread(*steps):
    """Run steps in one thread that runs jobs, with cleaning after each; return their results."""

    def run():
        expect_jobs()
        results = []
        for step in steps:
            results.append(step())
            clean_connections()
        return results

    (results,) = at_once(run)
    return results


def execute(statement, *params):
    """Return a step that runs a statement, and returns the server process that ran it."""

    def step():
        with connection.cursor() as cursor:
            cursor.execute(statement, params or None)
        return backend()

    return step


def backend():
    """Return the server process of this thread's connection."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return cursor.fetchone()[0]


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT 1",
        "SELECT * FROM ledger_effect WHERE label = 'set x'",
        "UPDATE ledger_effect SET label = 'x'",
        "SET LOCAL work_mem = '9999kB'",
        "SET CONSTRAINTS ALL DEFERRED",
        "SELECT pg_advisory_xact_lock(1)",
    ],
)
def test_a_connection_that_was_only_used_is_kept(statement):
    before, after = in_job_thread(execute(statement), backend)

    assert before == after


@pytest.mark.parametrize(
    "statement",
    [
        "SET work_mem = '9999kB'",
        "  set session work_mem = '9999kB'",
        "SELECT 1; SET work_mem = '9999kB'",
        "/* why */ SET work_mem = '9999kB'",
        "-- why\nSET work_mem = '9999kB'",
        "SET ROLE NONE",
        "RESET ALL",
        "SELECT set_config('work_mem', '9999kB', false)",
        "SELECT pg_advisory_lock(1)",
        "SELECT pg_try_advisory_lock_shared(1)",
        "CREATE TEMPORARY TABLE left_behind (n int)",
        "CREATE TEMP TABLE left_behind (n int)",
        "SELECT 1 AS n INTO TEMP left_behind",
        "PREPARE left_behind AS SELECT 1",
        "LISTEN left_behind",
        "DECLARE left_behind CURSOR WITH HOLD FOR SELECT 1",
        composed.SQL("SET work_mem = {}").format(composed.Literal("9999kB")),
    ],
    ids=str,
)
def test_a_session_that_was_changed_is_not_for_the_next_job(statement):
    before, after = in_job_thread(execute(statement), backend)

    assert before != after


def test_once_it_is_a_new_one_it_is_kept_again():
    first, second, third = in_job_thread(execute("SET work_mem = '9999kB'"), backend, backend)

    assert first != second == third


@pytest.mark.parametrize(
    "leave",
    [
        lambda: transaction.atomic().__enter__(),
        lambda: connection.set_autocommit(False),
        lambda: backend() and connection.connection.execute("BEGIN"),
        lambda: execute("BEGIN")(),
    ],
    ids=["atomic", "autocommit", "beneath Django", "BEGIN"],
)
def test_a_transaction_that_was_left_open_is_gone(leave):
    def look():
        return connection.in_atomic_block, connection.get_autocommit(), backend() > 0

    assert in_job_thread(leave, look)[1] == (False, True, True)


def test_a_connection_that_was_closed_beneath_is_made_anew():
    def close():
        backend()
        connection.connection.close()

    assert in_job_thread(close, backend)[1] > 0


def test_a_connection_whose_statement_failed_is_kept_and_found_sound():
    def fail():
        before = backend()
        with suppress(ProgrammingError):
            execute("SELECT no_such_column")()
        return before, connection.errors_occurred

    (before, had_failed), (after, has_failed) = in_job_thread(
        fail, lambda: (backend(), connection.errors_occurred)
    )

    assert (had_failed, has_failed) == (True, False)
    assert before == after


def test_a_connection_that_broke_in_the_middle_is_made_anew():
    def break_off():
        before = backend()
        with suppress(OperationalError):
            execute("SELECT pg_terminate_backend(pg_backend_pid())")()
        return before

    before, after = in_job_thread(break_off, backend)

    assert before != after


def test_of_a_database_of_another_kind_only_open_blocks_are_looked_for(monkeypatch, tmp_path):
    sqlite = {"ENGINE": "django.db.backends.sqlite3", "NAME": str(tmp_path / "other")}
    handler = ConnectionHandler({"default": sqlite})
    monkeypatch.setattr("django_jobs.housekeeping.connections", handler)

    def begin():
        handler["default"].set_autocommit(False)

    def look():
        kept = handler["default"]
        kept.ensure_connection()
        return kept.connection, kept.get_autocommit()

    def leave():
        handler["default"].close()

    _, (first, is_free), (second, _), _ = in_job_thread(begin, look, look, leave)

    assert is_free
    assert first is second


def test_what_a_project_puts_around_queries_stays():
    seen = []

    def watch(execute, statement, *rest):
        seen.append(statement)
        return execute(statement, *rest)

    def wrap():
        backend()
        connection.execute_wrappers.append(watch)

    in_job_thread(wrap, backend)

    assert len(seen) == 1


def test_a_thread_without_a_connection_gets_none():
    def look():
        clean_connections()
        return [c.connection for c in connections.all(initialized_only=True) if c.connection]

    assert at_once(look) == [[]]


def test_a_connection_in_ruins_costs_no_outcome(monkeypatch, caplog):
    def ruin():
        backend()
        monkeypatch.setattr(connections["default"], "close", lambda: 1 / 0)
        connections["default"].is_changed_by_job = True  # type: ignore[attr-defined]
        clean_connections_after(7)
        monkeypatch.undo()

    at_once(ruin)

    assert "connection.not_cleaned after_job=7" in caplog.text


def test_a_connection_that_died_while_idle_is_dropped_before_the_next_job():
    def die_and_come_back():
        backend()
        connection.connection.close()
        refresh_connections(IDLE_TRUST - 0.1)
        still_there = connection.connection is not None
        refresh_connections(IDLE_TRUST)
        return still_there, connection.connection is None, backend() > 0

    assert at_once(die_and_come_back) == [(True, True, True)]


def test_one_that_lives_is_kept_however_long_it_was_idle():
    def come_back():
        before = backend()
        refresh_connections(100 * IDLE_TRUST)
        return backend() == before

    assert at_once(come_back) == [True]
