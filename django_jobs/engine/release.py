"""release: running → ready, at no charge."""

from __future__ import annotations

from collections.abc import Sequence

from django_jobs.engine.announcing import announce
from django_jobs.engine.sql import FENCED, JOB, STILL_OWNED, among, array, fetch, states
from django_jobs.outcomes import Claimed
from django_jobs.states import sources

_GIVE_BACK = f"""
UPDATE {JOB} AS job
SET state = 'ready', worker_id = NULL, started_at = NULL, claims = job.claims + 1,
    attempts = job.attempts - 1
WHERE {among("fenced")} AND {STILL_OWNED}
RETURNING job.id, job.queue
"""  # noqa: S608 - names of tables

_RELEASE = f"{FENCED} {_GIVE_BACK}"

_DISOWN = f"""
WITH fenced AS MATERIALIZED (
    SELECT id FROM {JOB}
    WHERE state IN {states(sources("release"))} AND worker_id = %s AND id <> ALL(%s::bigint[])
    ORDER BY id FOR NO KEY UPDATE
)
{_GIVE_BACK}
"""  # noqa: S608 - names of tables


def release(jobs: Sequence[Claimed], *, using: str) -> set[int]:
    """Move claimed jobs from running back to ready, their attempts uncounted; return the ids.

    Fenced, and the claims grow: what still runs of them can no longer finish.
    """
    if not jobs:
        return set()
    ordered = sorted((job.id, job.claims) for job in jobs)
    ids, claims = map(array, zip(*ordered, strict=True))
    released = fetch(using, _RELEASE, {"ids": ids, "claims": claims})
    announce({queue for _, queue in released}, using)
    return {job for job, _ in released}


def disown(worker: int, owned: Sequence[int], *, using: str) -> int:
    """Move the jobs that ``worker`` owns without knowing it back to ready; return how many.

    A claim whose answer was lost has made jobs its own that it never heard of.
    """
    disowned = fetch(using, _DISOWN, (worker, list(owned)))
    announce({queue for _, queue in disowned}, using)
    return len(disowned)
