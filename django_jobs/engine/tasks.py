"""The catalogue of job functions: what is said of them, for SQL and forms. It moves no job."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from django.db import connections, transaction

from django_jobs.engine.sql import change, fetch
from django_jobs.models import Task

#: Former declarations of a job function that are remembered.
_REMEMBERED = 20
_TASK = f'"{Task._meta.db_table}"'

_KNOWN = f"SELECT name, hash, is_current FROM {_TASK}"  # noqa: S608 - names of tables

#: What a declaration holds as it is, with the types of the columns.
_COLUMNS = {
    "name": "text",
    "type_key": "text",
    "task_key": "text",
    "help": "text",
    "parameters": "jsonb",
    "takes_any": "bool",
    "defaults": "jsonb",
    "queue": "text",
    "priority": "int",
    "max_attempts": "smallint",
    "memory_limit": "bigint",
    "units": "int",
    "lane": "text",
    "concurrency_key": "text",
    "unique_key": "text",
    "computes_unique_key": "bool",
    "hash": "text",
}

_SUPERSEDED = f"""CASE WHEN task.hash = %s THEN task.superseded ELSE
    CASE WHEN jsonb_array_length(task.superseded) >= {_REMEMBERED} THEN task.superseded - 0
    ELSE task.superseded END || to_jsonb(task.hash::text) END"""

# One writer after the other: what they write overlaps in any order. Read by a statement of its own,
# so that it sees what the one before has committed.
_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('django_jobs_task', 0))"

_STORE = f"""
INSERT INTO {_TASK} AS task ({", ".join(_COLUMNS)}, timeout, expires_after, superseded,
    is_current, synced_at)
SELECT {", ".join(_COLUMNS)}, make_interval(secs => seconds), make_interval(secs => expires),
    '[]', true, statement_timestamp()
FROM jsonb_to_recordset(%(rows)s::jsonb)
    AS new({", ".join(f"{name} {kind}" for name, kind in _COLUMNS.items())}, seconds float8,
        expires float8)
ON CONFLICT (name) DO UPDATE SET
    {", ".join(f"{name} = excluded.{name}" for name in [*_COLUMNS, "timeout", "expires_after"])},
    superseded = ({_SUPERSEDED % "excluded.hash"}) - excluded.hash::text,
    is_current = true, synced_at = excluded.synced_at
WHERE (task.hash <> excluded.hash OR NOT task.is_current)
    AND (%(authoritative)s OR NOT task.superseded ? excluded.hash::text)
"""  # noqa: S608 - names of tables

_WITHDRAW = f"""
UPDATE {_TASK} AS task
SET is_current = false, synced_at = statement_timestamp(), superseded = {_SUPERSEDED % "''"}
WHERE name = ANY(%s::text[]) AND is_current
"""  # noqa: S608 - names of tables


def known_tasks(*, using: str) -> dict[str, tuple[str, bool]]:
    """Return the hash of each job function in the catalogue, and whether it is current."""
    return {name: (hash_, current) for name, hash_, current in fetch(using, _KNOWN)}


def store_tasks(
    declared: Sequence[Mapping[str, Any]],
    *,
    withdrawn: Collection[str] = (),
    authoritative: bool,
    using: str,
) -> tuple[int, int]:
    """Write declarations, and withdraw others by their names; return how many of each changed.

    Unless ``authoritative``, what has been superseded stays so: it is declared by older code.
    """
    rows = json.dumps(
        [{**one, "seconds": one["timeout"], "expires": one["expires_after"]} for one in declared]
    )
    with transaction.atomic(using=using):
        with connections[using].cursor() as cursor:
            cursor.execute(_LOCK)
        stored = change(using, _STORE, {"rows": rows, "authoritative": authoritative})
        gone = change(using, _WITHDRAW, (sorted(withdrawn),)) if withdrawn else 0
    return stored, gone
