"""prune: delete finished jobs whose time is over."""

from __future__ import annotations

from django_jobs.engine.sql import JOB, among, change, states
from django_jobs.engine.workflows import prune_workflows
from django_jobs.states import FINISHED

#: Jobs deleted by one statement: small enough never to be in anybody's way.
BATCH = 1000

_PRUNE = f"""
WITH old AS MATERIALIZED (
    SELECT id FROM {JOB}
    WHERE state IN {states(FINISHED)} AND prune_at <= statement_timestamp() AND NOT unsettled
    ORDER BY prune_at LIMIT %s FOR UPDATE SKIP LOCKED
)
DELETE FROM {JOB} AS job WHERE {among("old")}
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
