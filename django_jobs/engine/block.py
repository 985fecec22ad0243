"""block: running → blocked, until other jobs have ended, at no charge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from django.db import transaction

from django_jobs.engine.settle import settle_after_commit
from django_jobs.engine.sql import FENCE, JOB, LINK, STILL_OWNED, array, change, fetch
from django_jobs.exceptions import InvalidDependency, JobGone
from django_jobs.outcomes import Claimed
from django_jobs.states import FINISHED

#: Seconds to wait for whoever holds one of the rows. A worker's heart may wait for us meanwhile.
PATIENCE = 2

_SET = f"SELECT set_config('lock_timeout', '{PATIENCE}s', true)"

_LOCK = f"""
SELECT id, name, state FROM {JOB} WHERE id = ANY(%s::bigint[]) ORDER BY id FOR NO KEY UPDATE
"""  # noqa: S608 - names of tables

# Behind the locks: of two jobs that are about to wait for each other the second sees the first.
_CIRCLE = f"""
WITH RECURSIVE ahead AS (
    SELECT unnest(%s::bigint[]) AS id
    UNION
    SELECT next.awaited_id FROM ahead CROSS JOIN LATERAL (
        SELECT awaited_id FROM {LINK} WHERE waiting_id = ahead.id AND NOT resolved
        ORDER BY awaited_id OFFSET 0
    ) AS next
)
SELECT id FROM ahead WHERE id = ANY(%s::bigint[]) LIMIT 1
"""  # noqa: S608 - names of tables

_BLOCK = f"""
UPDATE {JOB} AS job
SET state = 'blocked', worker_id = NULL, started_at = NULL, claims = job.claims + 1,
    attempts = job.attempts - 1, note = NULL
WHERE {FENCE} AND {STILL_OWNED}
RETURNING job.id
"""  # noqa: S608 - names of tables

_LINK = f"""
INSERT INTO {LINK} (waiting_id, awaited_id, wanted)
SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::text[])
ON CONFLICT (waiting_id, awaited_id)
DO UPDATE SET resolved = false, gone = false, wanted = excluded.wanted
"""  # noqa: S608 - names of tables

_MARK = f"UPDATE {JOB} SET unsettled = true WHERE id = ANY(%s::bigint[]) AND NOT unsettled"  # noqa: S608


class Wait(NamedTuple):
    """A claimed job, and one that it waits for."""

    job: Claimed
    awaited: int
    #: What the awaited job is wanted for: see ``Link.wanted``.
    wanted: str | None = None


def block(waits: Sequence[Wait], *, retention: Mapping[str, float], using: str) -> set[int]:
    """Move running jobs to blocked, until those that they wait for have succeeded; return the ids
    that had changed hands.

    Fenced, and the claims grow. Their attempts are uncounted. Whatever ends meanwhile is told of
    after the commit. Raise JobGone where the row of an awaited job is not there any more,
    InvalidDependency where a job would wait for itself; then nothing is moved.
    """
    claims = {wait.job.id: wait.job.claims for wait in sorted(waits)}
    awaited = sorted({wait.awaited for wait in waits})
    with transaction.atomic(using=using):
        change(using, _SET)
        states = _locked(awaited, list(claims), using)
        params = {"ids": array(list(claims)), "claims": array(list(claims.values()))}
        moved = {job for (job,) in fetch(using, _BLOCK, params)}
        kept = [wait for wait in waits if wait.job.id in moved]
        if kept:
            change(using, _LINK, tuple(map(list, zip(*map(_columns, kept), strict=True))))
            change(using, _MARK, (awaited,))
            if FINISHED.intersection(states[job] for job in awaited):
                settle_after_commit(retention, using)
    return claims.keys() - moved


def _locked(awaited: list[int], waiting: list[int], using: str) -> dict[int, str]:
    """Lock all rows, and return the states that they are in."""
    rows = fetch(using, _LOCK, (sorted({*awaited, *waiting}),))
    names = {job: name for job, name, _ in rows}
    missing = next((job for job in awaited if job not in names), None)
    if missing is not None:
        raise JobGone(f"Job #{missing} was to be waited for, and its row was deleted.")
    if circle := fetch(using, _CIRCLE, (awaited, waiting)):
        ((job,),) = circle
        raise InvalidDependency(
            f"{names[job]} #{job} would wait for itself: what it is to wait for waits for it."
        )
    return {job: state for job, _, state in rows}


def _columns(wait: Wait) -> tuple[int, int, str | None]:
    return wait.job.id, wait.awaited, wait.wanted
