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


def movable(verb: str) -> str:
    """Return the condition that a job may be moved by ``verb``."""
    return f"state IN {states(sources(verb))}"


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
