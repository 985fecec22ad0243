"""COPY of many jobs: the fastest way into a table."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from operator import itemgetter

from django.db import connections

from django_jobs.batches import NewJobs
from django_jobs.engine.sql import JOB, fetch
from django_jobs.prepared import NewJob
from django_jobs.states import State

# The sequence is looked up in a subquery of its own: once, and not for every id.
_RESERVE = f"""
SELECT statement_timestamp(), array(
    SELECT nextval((SELECT pg_get_serial_sequence('{JOB}', 'id')::regclass))
    FROM generate_series(1, %s)
)
"""  # noqa: S608 - the name of a table

#: What a column holds where it is not given; COPY cannot say DEFAULT on every supported server.
_DEFAULTS = {
    "args": "[]",
    "kwargs": "{}",
    "meta": "{}",
    "priority": 0,
    "max_attempts": 1,
    "lane": "",
    "concurrency_key": "",
    "units": 1,
    "unsettled": False,
    "remembered": False,
}


def reserve_ids(count: int, using: str) -> tuple[datetime, list[int]]:
    """Return the time by the database's clock and ``count`` new ids, ascending."""
    ((now, ids),) = fetch(using, _RESERVE, (count,))
    return now, ids


def copy_in(new: NewJobs, ids: Sequence[int], now: datetime, using: str) -> None:
    """Insert jobs under reserved ids. Columns that no job gives keep their defaults.

    The jobs are checked and encoded while the server is busy with those before them; an error in
    one of them leaves the caller's savepoint to be rolled back.
    """
    names = new.given()
    pick = itemgetter(*(NewJob._fields.index(name) for name in names))
    defaults = [_DEFAULTS.get(name) for name in names]
    expiring = new.are_expiring
    scheduled = new.is_scheduled or new.are_blocked or expiring
    columns = ["id", *names] + ["state", "scheduled_at"] * scheduled + ["expires_at"] * expiring
    sql = f"COPY {JOB} ({', '.join(columns)}) FROM STDIN"
    with connections[using].cursor() as cursor, cursor.copy(sql) as copy:
        for id_, job in zip(ids, new, strict=True):
            row = pick(job)
            if None in row:
                row = map(_or_default, row, defaults)
            due = _schedule(job, now) if scheduled else ()
            expires = (_expires_at(job, now),) if expiring else ()
            copy.write_row((id_, *row, *due, *expires))


def _or_default(value: object, default: object) -> object:
    return default if value is None else value


def _due(job: NewJob, now: datetime) -> datetime:
    due = now if job.scheduled_at is None else job.scheduled_at
    return now + due if isinstance(due, timedelta) else due


def _expires_at(job: NewJob, now: datetime) -> datetime | None:
    return None if job.expires_after is None else _due(job, now) + job.expires_after


def _schedule(job: NewJob, now: datetime) -> tuple[str, datetime]:
    due = _due(job, now)
    if job.blocked:
        return State.BLOCKED.value, due
    return (State.SCHEDULED if due > now else State.READY).value, due
