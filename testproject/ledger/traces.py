"""What jobs leave in the database, and in their thread, for others to find."""

from __future__ import annotations

import os
from typing import Any

from django.db import connection, transaction
from django.utils import translation

from django_jobs import Retry
from testproject.ledger.models import Effect
from testproject.ledger.trials import trial


@trial(atomic=True, max_attempts=3, backoff=0)
def leave_effect_atomically(label: str, how: str = "") -> str:
    """Leave an effect in the transaction of the job, and end as told."""
    Effect.objects.create(label=label, pid=os.getpid())
    match how:
        case "raise":
            raise ValueError("after the effect")
        case "unstorable":
            return {1}  # type: ignore[return-value]
        case "leave open":
            transaction.atomic().__enter__()
        case "break":
            with connection.cursor() as cursor:
                try:
                    cursor.execute("SELECT 1 / 0")
                except Exception:
                    return "swallowed"
        case "close":
            connection.close()
        case "retry":
            raise Retry(0)
    return "done"


@trial()
def make_a_mess(how: str) -> None:
    """Leave behind what a job can leave behind."""
    translation.activate("de")
    match how:
        case "open":
            transaction.atomic().__enter__()
            Effect.objects.create(label="never committed", pid=os.getpid())
        case "aborted":
            with connection.cursor() as cursor:
                cursor.execute("BEGIN")
                cursor.execute("SELECT 1 / 0")
        case "closed":
            Effect.objects.count()
            connection.connection.close()
        case "set":
            with connection.cursor() as cursor:
                cursor.execute("SET TIME ZONE 'Asia/Tokyo'")
                cursor.execute("SET work_mem = '12345kB'")
                cursor.execute("SET ROLE pg_monitor")
                cursor.execute("RESET ROLE; SET lock_timeout = 7")
                cursor.execute("SELECT pg_advisory_lock(4711)")
                cursor.execute("CREATE TEMPORARY TABLE left_behind (n int)")


@trial()
def look_around() -> dict[str, Any]:
    """Return what a job sees of the one before it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_setting('TimeZone'), current_setting('work_mem'), current_user,"
            " to_regclass('pg_temp.left_behind')::text, (SELECT count(*) FROM pg_locks"
            " WHERE locktype = 'advisory' AND pid = pg_backend_pid())"
        )
        row = cursor.fetchone()
    return {
        "language": translation.get_language(),
        "time_zone": row[0],
        "work_mem": row[1],
        "user": row[2],
        "temporary": row[3],
        "locks": row[4],
        "in_atomic_block": connection.in_atomic_block,
        "uncommitted": Effect.objects.filter(label="never committed").count(),
    }
