"""What a job may leave behind in its thread's database connections, and must not."""

from __future__ import annotations

import threading
import time

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from django.dispatch import receiver
from psycopg.pq import TransactionStatus

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


@receiver(connection_created, dispatch_uid="django_jobs.housekeeping")
def _note_connection(**sent: object) -> None:
    _thread.has_connected = True


def clean_connections() -> None:
    """Leave this thread's connections as a new job expects them; keep those that are sound."""
    if not getattr(_thread, "has_connected", False):
        return  # most of the time of a job that does not touch the database would go into looking
    for connection in connections.all(initialized_only=True):
        if connection.connection is None:
            continue
        connection.queries_log.clear()
        connection.execute_wrappers.clear()
        if _is_left_open(connection):
            _discard(connection)
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
