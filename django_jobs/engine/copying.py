"""COPY of many jobs: the fastest way into a table."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import connections

from django_jobs.engine.sql import JOB, fetch
from django_jobs.specs import NewJob
from django_jobs.states import State

_SEQUENCE = f"pg_get_serial_sequence('{JOB}', 'id')"
_RESERVE = f"""
SELECT statement_timestamp(), array(SELECT nextval({_SEQUENCE}) FROM generate_series(1, %s))
"""  # noqa: S608 - the name of a sequence

_FIELDS = NewJob._fields[:-1]
#: What a column holds where it is not given; COPY cannot say DEFAULT on every supported server.
_DEFAULTS = {"args": "[]", "kwargs": "{}", "meta": "{}", "priority": 0, "max_attempts": 1}


def reserve_ids(count: int, using: str) -> tuple[datetime, list[int]]:
    """Return the time by the database's clock and ``count`` new ids, ascending."""
    ((now, ids),) = fetch(using, _RESERVE, (count,))
    return now, ids


def copy_in(new: Sequence[NewJob], ids: Sequence[int], now: datetime, using: str) -> None:
    """Insert jobs under reserved ids. Columns that no job gives keep their defaults."""
    given = [position for position in range(len(_FIELDS)) if _is_given(new, position)]
    scheduled = any(job.scheduled_at is not None for job in new)
    columns = ["id", *(_FIELDS[position] for position in given)]
    columns += ["state", "scheduled_at"] * scheduled
    sql = f"COPY {JOB} ({', '.join(columns)}) FROM STDIN"
    defaults = {position: _DEFAULTS.get(_FIELDS[position]) for position in given}
    with connections[using].cursor() as cursor, cursor.copy(sql) as copy:
        for job, id_ in zip(new, ids, strict=True):
            row: list[Any] = [id_]
            for position in given:
                value = job[position]
                row.append(defaults[position] if value is None else value)
            if scheduled:
                row += _schedule(job, now)
            copy.write_row(row)


def _is_given(new: Sequence[NewJob], position: int) -> bool:
    return any(job[position] is not None for job in new)


def _schedule(job: NewJob, now: datetime) -> tuple[str, datetime]:
    due = job.scheduled_at
    if due is None:
        return State.READY.value, now
    if isinstance(due, timedelta):
        due = now + due
    return (State.SCHEDULED if due > now else State.READY).value, due
