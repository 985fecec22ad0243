"""What a job may leave behind in its thread's database connections, and must not."""

from __future__ import annotations

import logging
import re
import threading
import time
from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from django.dispatch import receiver
from psycopg.pq import TransactionStatus

logger = logging.getLogger("django_jobs")

_thread = threading.local()

#: Seconds that a connection may have been idle before it is tried out: servers restart.
IDLE_TRUST = 5.0


def refresh_connections(idle: float) -> None:
    """Drop the connections of this thread that died while it had nothing to do."""
    if idle < IDLE_TRUST:
        return
    for connection in connections.all(initialized_only=True):
        if connection.connection is not None and not connection.is_usable():
            connection.close()


#: Statements whose effect outlasts their transaction: settings, roles, locks, temporary tables.
_CHANGES_SESSION = re.compile(
    r"(?:^|;)(?:\s|--[^\n]*\n|/\*.*?\*/)*(?:SET\s+(?!LOCAL\b|CONSTRAINTS\b|TRANSACTION\b)|RESET\s|LISTEN\s|PREPARE\s|LOAD\s"
    r"|DISCARD\s|CREATE\s+(?:GLOBAL\s+|LOCAL\s+)?TEMP|SELECT\s[^;]*\bINTO\s+TEMP)"
    r"|\bset_config\s*\(|\bpg_(?:try_)?advisory_lock|\bWITH\s+HOLD\b",
    re.IGNORECASE | re.DOTALL,
)


def expect_jobs() -> None:
    """Say that this thread runs jobs, one after the other, on connections that they share."""
    _thread.runs_jobs = True


@receiver(connection_created, dispatch_uid="django_jobs.housekeeping")
def _note_connection(connection: BaseDatabaseWrapper, **sent: object) -> None:
    _thread.has_connected = True
    if getattr(_thread, "runs_jobs", False) and _watch_session not in connection.execute_wrappers:
        # First of all, whatever a project or a job puts around it: these are taken off at the end.
        connection.execute_wrappers.insert(0, _watch_session)


def _watch_session(execute: Any, sql: Any, params: Any, many: bool, context: Any) -> Any:
    """Notice statements that change the session: the next job must not find it so."""
    if not isinstance(sql, str) or _CHANGES_SESSION.search(sql):  # composed, it may be anything
        context["connection"].is_changed_by_job = True
    return execute(sql, params, many, context)


def clean_connections_after(job: int) -> None:
    """Clean this thread's connections after a job; a connection in ruins costs no outcome."""
    try:
        clean_connections()
    except Exception:
        logger.exception("connection.not_cleaned after_job=%s", job)


def clean_connections() -> None:
    """Leave this thread's connections as a new job expects them; keep those that are sound."""
    if not getattr(_thread, "has_connected", False):
        return  # most of the time of a job that does not touch the database would go into looking
    for connection in connections.all(initialized_only=True):
        if connection.connection is None:
            continue
        connection.queries_log.clear()
        if _is_left_open(connection):
            _discard(connection)
        elif getattr(connection, "is_changed_by_job", False):
            _replace(connection)
        elif _is_worn(connection):
            connection.close()


def _is_left_open(connection: BaseDatabaseWrapper) -> bool:
    if connection.in_atomic_block or not connection.autocommit:
        return True
    if connection.vendor != "postgresql":
        return False
    return bool(connection.connection.info.transaction_status != TransactionStatus.IDLE)


def _discard(connection: BaseDatabaseWrapper) -> None:
    # close() inside an atomic block keeps the wrapper in that block: the next job needs another.
    try:
        connection.close()
    finally:
        del connections[connection.alias]


def _replace(connection: BaseDatabaseWrapper) -> None:
    connection.is_changed_by_job = False  # type: ignore[attr-defined]
    connection.connection.close()  # also where a pool would keep it
    connection.close()


def _is_worn(connection: BaseDatabaseWrapper) -> bool:
    settings = connection.settings_dict
    if "pool" in settings["OPTIONS"]:
        return True  # back to the pool
    if connection.errors_occurred:
        if not connection.is_usable():
            return True
        connection.errors_occurred = False
    # CONN_MAX_AGE 0 is meant for requests; here it would mean a connection for every job.
    return bool(settings["CONN_MAX_AGE"]) and (
        connection.close_at is not None and time.monotonic() >= connection.close_at
    )
