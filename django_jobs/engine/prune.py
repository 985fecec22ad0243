"""prune: delete finished jobs whose time is over."""

from __future__ import annotations

from collections.abc import Collection

from django_jobs.engine.sql import JOB, WORKFLOW, among, change, fetch, states
from django_jobs.engine.workflows import prune_workflows
from django_jobs.states import FINISHED, State

#: Jobs deleted by one statement: small enough never to be in anybody's way.
BATCH = 1000
#: Jobs that are counted beforehand.
MOST = 100_000

_PRUNE = f"""
WITH old AS MATERIALIZED (
    SELECT id FROM {JOB}
    WHERE state IN {states(FINISHED)} AND prune_at <= statement_timestamp() AND NOT unsettled
    ORDER BY prune_at LIMIT %s FOR UPDATE SKIP LOCKED
)
DELETE FROM {JOB} AS job WHERE {among("old")}
"""  # noqa: S608 - names of tables

# Told by their states and their time, whatever time they were to be kept for. There is no index of
# the end of all jobs: the table is walked through once, each batch from where the last one ended.
_OLD = f"""
SELECT id FROM {JOB} WHERE id > %(after)s AND state = ANY(%(states)s::text[])
    AND finished_at < statement_timestamp() - make_interval(secs => %(age)s)
    AND step_id IS NULL AND NOT unsettled
ORDER BY id LIMIT %(batch)s
"""  # noqa: S608 - names of tables
_DELETE = f"""
WITH old AS MATERIALIZED (
    SELECT id FROM {JOB} WHERE id = ANY(%(ids)s::bigint[]) AND state = ANY(%(states)s::text[])
        AND finished_at < statement_timestamp() - make_interval(secs => %(age)s)
        AND NOT unsettled
    ORDER BY id FOR UPDATE SKIP LOCKED
)
DELETE FROM {JOB} AS job WHERE {among("old")}
"""  # noqa: S608 - names of tables
_EXPIRE = f"""
UPDATE {WORKFLOW} SET prune_at = statement_timestamp()
WHERE state = ANY(%(states)s::text[]) AND prune_at > statement_timestamp()
    AND finished_at < statement_timestamp() - make_interval(secs => %(age)s)
"""  # noqa: S608 - names of tables

_COUNT_PAST = f"""
SELECT count(*) FROM (
    SELECT 1 FROM {JOB}
    WHERE state IN {states(FINISHED)} AND prune_at <= statement_timestamp() AND NOT unsettled
    ORDER BY prune_at LIMIT %(limit)s
) AS past
"""  # noqa: S608 - names of tables
_COUNT_OLD = f"SELECT count(*) FROM ({_OLD}) AS old"  # noqa: S608 - names of tables
# Of their jobs those that nobody has put into another state since.
_COUNT_WORKFLOWS = f"""
SELECT coalesce(sum(size), 0)::bigint FROM {WORKFLOW}
WHERE state = ANY(%(states)s::text[]) AND CASE WHEN %(age)s::float8 IS NULL
    THEN prune_at <= statement_timestamp()
    ELSE prune_at IS NOT NULL
        AND finished_at < statement_timestamp() - make_interval(secs => %(age)s::float8) END
"""  # noqa: S608 - names of tables


def prune(*, using: str, batch: int = BATCH) -> int:
    """Delete the finished jobs past their retention; return how many.

    Jobs that are part of a workflow are deleted with it, when its time is over.
    """
    pruned = prune_workflows(using=using, batch=batch)
    while True:
        deleted = change(using, _PRUNE, (batch,))
        pruned += deleted
        if deleted < batch:
            return pruned


def prune_older(
    age: float, *, states: Collection[State] = FINISHED, using: str, batch: int = BATCH
) -> int:
    """Delete the jobs that ended, in one of these states, more than ``age`` seconds ago.

    However long they were to be kept. Jobs of a workflow go with it, by its own state and end.
    Return how many were deleted.
    """
    given = {"states": sorted(states), "age": age, "batch": batch}
    change(using, _EXPIRE, given)
    pruned = prune_workflows(using=using, batch=batch)
    last = 0
    while found := [key for (key,) in fetch(using, _OLD, {**given, "after": last})]:
        pruned += change(using, _DELETE, {**given, "ids": found})
        last = found[-1]
    return pruned


def prunable(*, age: float | None, states: Collection[State], using: str) -> int:
    """Return how many jobs prune, or for an ``age`` prune_older, would delete; counted to MOST."""
    given = {"states": sorted(states), "age": age, "after": 0, "batch": MOST, "limit": MOST}
    ((jobs,),) = fetch(using, _COUNT_PAST if age is None else _COUNT_OLD, given)
    ((of_workflows,),) = fetch(using, _COUNT_WORKFLOWS, given)
    return min(int(jobs) + int(of_workflows), MOST)
