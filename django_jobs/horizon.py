"""Transactions that keep the database from cleaning up behind the queue. Read only.

Every finished job leaves row versions behind. Vacuum takes them away, but not while a transaction
is open that might still see them: claims then read through more and more of what is dead.
"""

from __future__ import annotations

from typing import NamedTuple

from django_jobs.engine.sql import fetch

#: Seconds after which an open transaction is worth telling of.
LONG = 600.0
#: Transactions that are told of, and characters of their queries.
MOST, SHOWN = 3, 200

# Another user's query and its times are hidden from those who may not see all statistics.
_PINS = f"""
SELECT pid, coalesce(usename::text, ''), coalesce(state, ''),
    extract(epoch FROM statement_timestamp() - xact_start)::float8 AS age,
    left(query, {SHOWN + 1})
FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_xmin IS NOT NULL
    AND backend_type <> 'autovacuum worker'
    AND xact_start < statement_timestamp() - make_interval(secs => %(long)s)
ORDER BY xact_start LIMIT {MOST}
"""  # noqa: S608 - numbers


class Pin(NamedTuple):
    """A transaction that has been open for long."""

    pid: int
    user: str
    #: What its session does, such as ``idle in transaction``.
    state: str
    #: Seconds since it began.
    age: float
    query: str


def pins(*, longer_than: float = LONG, using: str) -> list[Pin]:
    """Return the oldest transactions that pin the horizon, oldest first, their queries cut."""
    rows = fetch(using, _PINS, {"long": longer_than})
    return [Pin._make([*row[:4], _cut(" ".join((row[4] or "").split()))]) for row in rows]


def _cut(query: str) -> str:
    return query if len(query) <= SHOWN else f"{query[: SHOWN - 1]}…"
