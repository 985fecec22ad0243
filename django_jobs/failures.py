"""Failed jobs by what they failed of: one group for each fingerprint. Read only."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django_jobs import wording
from django_jobs.engine.sql import JOB, array, fetch, opaque

#: The newest failures, which are grouped.
MOST = 10_000
#: Jobs that are named of each group.
EXAMPLES = 3

# Errors are large: those of one job of each group are read, by its id.
_GROUPS = f"""
WITH newest AS MATERIALIZED ({{newest}}
), groups AS MATERIALIZED (
    SELECT coalesce(fingerprint, '') AS fingerprint, count(*) AS size,
        array_agg(DISTINCT name::text) AS names, min(finished_at) AS first,
        max(finished_at) AS last, (array_agg(id ORDER BY finished_at DESC))[1:{EXAMPLES}] AS ids
    FROM newest GROUP BY 1
)
SELECT groups.*, (SELECT job.errors -> -1 FROM {JOB} AS job WHERE job.id = groups.ids[1])::text,
    (SELECT count(*) FROM newest)
FROM groups ORDER BY size DESC, last DESC LIMIT %(limit)s
"""  # noqa: S608 - names of tables


_NEWEST = f"""
    SELECT id, fingerprint, name, finished_at FROM {JOB} WHERE state = 'failed'
    {{conditions}}
    ORDER BY finished_at DESC LIMIT %(most)s
"""  # noqa: S608 - names of tables

# By their ids alone: told that they have failed too, the planner might look through all failures.
_AMONG = f"""
    SELECT id, fingerprint, name, finished_at FROM {JOB} AS job
    WHERE id = ANY(%(among)s::bigint[]) AND {opaque("state = 'failed'")}
"""  # noqa: S608 - names of tables


class Group(NamedTuple):
    """Failed jobs that broke in one way, at one place of the code."""

    #: Empty for those that have none.
    fingerprint: str
    size: int
    names: list[str]
    first: datetime
    last: datetime
    #: The newest ones.
    ids: list[int]
    #: The last error of the newest one: its type, and the first line of its message.
    exception: str
    message: str


class Grouped(NamedTuple):
    """The largest groups, and how many failed jobs were looked at."""

    groups: list[Group]
    looked_at: int

    @property
    def is_capped(self) -> bool:
        """Return whether there are older failures, which were not looked at."""
        return self.looked_at >= MOST


def failures(
    *,
    queue: str | None = None,
    name: str | None = None,
    limit: int = 20,
    among: Sequence[int] | None = None,
    using: str,
) -> Grouped:
    """Return the groups of the newest failed jobs, the largest ones first.

    ``among`` are the ids of the only jobs that are looked at, at most MOST; None for all.
    """
    if among is not None and not among:
        return Grouped([], 0)
    given = {"queue": queue, "name": name}
    conditions = " ".join(
        f"AND {column} = %({column})s" for column, value in given.items() if value is not None
    )
    newest = (_NEWEST if among is None else _AMONG).format(conditions=conditions)
    ids = None if among is None else array(among)
    params = {**given, "most": MOST, "limit": limit, "among": ids}
    rows = fetch(using, _GROUPS.format(newest=newest), params)
    groups = [Group._make([*row[:6], *_error(row[6])]) for row in rows]
    return Grouped(groups, rows[0][7] if rows else 0)


def _error(text: str | None) -> tuple[str, str]:
    error: Any = json.loads(text) if text else {}
    if not isinstance(error, dict):
        return "", ""
    return str(error.get("exception") or ""), wording.first_line(error.get("message") or "")
