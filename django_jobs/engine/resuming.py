"""Jobs that ended because another one did: where to begin anew, and who goes on then."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import IntegrityError, transaction

from django_jobs.engine.sql import JOB, LINK, among, change, fetch, movable, states
from django_jobs.states import LIVE

# Up from each job to the one that ended it, as long as there is one to be tried again. Each step is
# a look into the primary key: LATERAL and OFFSET keep the planner from a join.
_UP = f"""
WITH RECURSIVE up AS (
    SELECT id, ended_by FROM {JOB} AS job
    WHERE id = ANY(%s::bigint[]) AND CASE WHEN ended_by IS NULL THEN false ELSE true END
    UNION
    SELECT next.id, next.ended_by FROM up CROSS JOIN LATERAL (
        SELECT id, ended_by FROM {JOB} AS job
        WHERE id = up.ended_by AND {movable("retry")} OFFSET 0
    ) AS next
)
SELECT id, ended_by FROM up
"""  # noqa: S608 - names of tables

# The order is that of the index, and keeps the planner to it: it may believe, from when thousands
# waited for one job, that reading all links is as good.
# Down to all that ended because of a job, and because of what so ended, and so on.
_DOWN = f"""
WITH RECURSIVE down AS (
    SELECT unnest(%s::bigint[]) AS id
    UNION
    SELECT next.id FROM down CROSS JOIN LATERAL (
        SELECT job.id FROM (
            SELECT waiting_id FROM {LINK} WHERE awaited_id = down.id AND NOT resolved
            ORDER BY waiting_id OFFSET 0
        ) AS link CROSS JOIN LATERAL (
            SELECT id FROM {JOB} AS job WHERE id = link.waiting_id AND ended_by = down.id
            AND {movable("retry")} OFFSET 0
        ) AS job
    ) AS next
)
SELECT id FROM down WHERE id <> ALL(%s::bigint[]) ORDER BY id
"""  # noqa: S608 - names of tables

_AWAITED = (
    f"SELECT DISTINCT awaited_id FROM {LINK} WHERE waiting_id = ANY(%s::bigint[]) AND NOT resolved"  # noqa: S608
)

_LOCK = f"SELECT id FROM {JOB} WHERE id = ANY(%s::bigint[]) ORDER BY id FOR NO KEY UPDATE"  # noqa: S608

# Of several that share a unique key the newest, and none where another job holds it: the others
# stay as they are, and who waits for one of them is told so once more.
_RESUME = f"""
WITH taken AS MATERIALIZED (
    SELECT id, unique_key FROM {JOB} AS job
    WHERE id = ANY(%s::bigint[]) AND {movable("retry")} AND (unique_key IS NULL OR %s)
), held AS MATERIALIZED (
    SELECT unique_key FROM {JOB} AS job
    WHERE {among("taken", "unique_key")} AND unique_key IS NOT NULL AND state IN {states(LIVE)}
), chosen AS MATERIALIZED (
    SELECT max(id) AS id FROM taken
    WHERE unique_key IS NULL OR unique_key NOT IN (SELECT unique_key FROM held)
    GROUP BY coalesce(unique_key, id::text), unique_key IS NULL
)
UPDATE {JOB} AS job
SET state = 'blocked', claims = job.claims + 1, attempts = 0, reprieves = 0, worker_id = NULL,
    ended_by = NULL, started_at = NULL, finished_at = NULL, prune_at = NULL
WHERE {among("chosen")}
RETURNING job.id
"""  # noqa: S608 - names of tables

_MARK = f"UPDATE {JOB} SET unsettled = true WHERE id = ANY(%s::bigint[]) AND NOT unsettled"  # noqa: S608

_UNLINK = f"DELETE FROM {LINK} WHERE waiting_id = ANY(%s::bigint[]) AND NOT resolved"  # noqa: S608


def roots(ids: Sequence[int], using: str) -> list[int]:
    """Return, for jobs that others have ended, the first causes that can be tried again; the jobs
    themselves where there are none. Ascending.
    """
    ended_by = dict(fetch(using, _UP, (list(ids),)))
    found = set()
    for job in ids:
        cause = job
        while ended_by.get(cause) in ended_by:
            cause = ended_by[cause]
        found.add(cause)
    return sorted(found)


def lock_followers(ids: Sequence[int], using: str) -> None:
    """Lock jobs, with all that ended because of them and all that those wait for, in the order of
    their ids. Nothing is locked where nothing ended because of them.
    """
    followers = _column(fetch(using, _DOWN, (list(ids), list(ids))))
    if followers:
        awaited = _column(fetch(using, _AWAITED, (followers,)))
        fetch(using, _LOCK, (sorted({*ids, *followers, *awaited}),))


def resume(ids: Sequence[int], using: str) -> list[int]:
    """Move what ended because of these jobs, locked ones, from failed back to blocked; return it.

    All that it waits for is marked as unsettled: what has ended already is told of again.
    """
    followers = _column(fetch(using, _DOWN, (list(ids), list(ids))))
    if not followers:
        return []
    try:
        with transaction.atomic(using=using):
            resumed = _column(fetch(using, _RESUME, (followers, True)))
    except IntegrityError:  # somebody has just taken one of the keys: only those without one, then
        resumed = _column(fetch(using, _RESUME, (followers, False)))
    change(using, _MARK, (_column(fetch(using, _AWAITED, (resumed,))),))
    return resumed


def unlink(ids: Sequence[int], using: str) -> None:
    """Forget what these jobs, locked ones, wait for."""
    change(using, _UNLINK, (list(ids),))


def _column(rows: Sequence[tuple[int]]) -> list[int]:
    return [row[0] for row in rows]
