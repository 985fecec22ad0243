"""What the engine's statements share: names of tables, lists of states, and how to run them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.db import connections, router

from django_jobs.models import Job, Queue, Worker
from django_jobs.states import State, sources

JOB = f'"{Job._meta.db_table}"'
QUEUE = f'"{Queue._meta.db_table}"'
WORKER = f'"{Worker._meta.db_table}"'


def states(names: Iterable[State]) -> str:
    """Return a list of states for ``IN``: literals, since partial indexes match only these."""
    return "(" + ", ".join(f"'{State(name).value}'" for name in sorted(names)) + ")"


def _opaque(condition: str) -> str:
    """Return a condition that the planner neither estimates nor matches with a partial index.

    For rows found by their ids. Told in plain words, and misled by statistics from when no job was
    running, the planner takes such a condition for the rarer one, and walks through the whole
    table or a wrong index for every id: quadratic in the batch. Of a CASE it believes a half.
    """
    return f"CASE WHEN {condition} THEN true ELSE false END"


def movable(verb: str) -> str:
    """Return the condition that ``job``, found by its id, may be moved by ``verb``."""
    return _opaque(f"job.state IN {states(sources(verb))}")


#: The condition that ``job``, found by its fence, has not ended in the hands of who held it: so
#: that doing it twice does nothing more.
STILL_OWNED = _opaque("job.finished_at IS NULL AND job.worker_id IS NOT NULL")


def write_alias(using: str | None) -> str:
    """Return the database that jobs are written to."""
    return using or router.db_for_write(Job)


def fetch(using: str, sql: str, params: Sequence[Any] = ()) -> list[Any]:
    """Run one statement and return its rows."""
    with connections[using].cursor() as cursor:
        cursor.execute(sql, params)
        rows: list[Any] = cursor.fetchall()
    return rows


def change(using: str, sql: str, params: Sequence[Any] = ()) -> int:
    """Run one statement and return how many rows it changed."""
    with connections[using].cursor() as cursor:
        cursor.execute(sql, params)
        count: int = cursor.rowcount
    return count
