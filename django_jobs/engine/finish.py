"""finish: running → succeeded, failed, cancelled, or scheduled for another attempt."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.utils import timezone

from django_jobs.engine.sql import JOB, STILL_OWNED, change, fetch
from django_jobs.outcomes import Cancelled, Failed, Finished, Parked, Snoozed, Succeeded
from django_jobs.states import State

#: Failed attempts whose errors are kept with a job; the oldest go first.
KEPT_ERRORS = 20

# The fence is ``id`` and ``claims``: with ``state = 'running'`` beside them the planner may take
# the index of running jobs, and a loop quadratic in the batch.
_FENCE = "job.id = given.id AND job.claims = given.claims"


def _locked(arrays: str, names: str) -> str:
    """Return the CTE that locks the jobs behind the fence in ascending order, whatever the plan."""
    return f"""
WITH ended AS MATERIALIZED (
    SELECT given.*, job.id AS job FROM unnest({arrays}) AS given ({names})
    JOIN {JOB} AS job ON {_FENCE}
    ORDER BY given.id FOR NO KEY UPDATE OF job
)"""  # noqa: S608 - names of tables and columns


_TIMING = "%s::bigint[], %s::int[], %s::float8[], %s::float8[], %s::float8[]"
_TIMED = "id, claims, ago, elapsed, keep"

_SUCCEED = f"""
{_locked(f"{_TIMING}, %s::text[]", f"{_TIMED}, result")}
UPDATE {JOB} AS job
SET state = 'succeeded',
    started_at = now.at - make_interval(secs => ended.ago + ended.elapsed),
    finished_at = now.at - make_interval(secs => ended.ago),
    prune_at = now.at + make_interval(secs => ended.keep),
    result = ended.result::jsonb
FROM ended, (SELECT statement_timestamp() AS at) AS now
WHERE job.id = ended.job AND {STILL_OWNED}
"""  # noqa: S608 - names of tables

_CONCLUDED = "%s::text[], %s::int[], %s::float8[], %s::text[], %s::text[]"
_CONCLUDE = f"""
{_locked(f"{_TIMING}, {_CONCLUDED}", f"{_TIMED}, state, uncharged, delay, error, note")}
UPDATE {JOB} AS job
SET state = ended.state,
    attempts = job.attempts - ended.uncharged,
    worker_id = CASE WHEN ended.state = 'scheduled' THEN NULL ELSE job.worker_id END,
    scheduled_at = coalesce(now.at + make_interval(secs => ended.delay), job.scheduled_at),
    started_at = now.at - make_interval(secs => ended.ago + ended.elapsed),
    finished_at = CASE WHEN ended.state <> 'scheduled'
                       THEN now.at - make_interval(secs => ended.ago) END,
    prune_at = now.at + make_interval(secs => ended.keep),
    errors = CASE WHEN ended.error IS NULL THEN job.errors
             ELSE CASE WHEN jsonb_array_length(job.errors) >= {KEPT_ERRORS}
                       THEN job.errors - 0 ELSE job.errors END || ended.error::jsonb END,
    note = ended.note
FROM ended, (SELECT statement_timestamp() AS at) AS now
WHERE job.id = ended.job AND {STILL_OWNED}
"""  # noqa: S608 - names of tables

_LOST = f"""
SELECT given.id FROM unnest(%s::bigint[], %s::int[]) AS given (id, claims)
WHERE NOT EXISTS (SELECT 1 FROM {JOB} AS job WHERE {_FENCE})
"""  # noqa: S608 - names of tables

_MARK_STARTED = f"""
{_locked("%s::bigint[], %s::int[], %s::float8[]", "id, claims, ago")}
UPDATE {JOB} AS job
SET started_at = statement_timestamp() - make_interval(secs => ended.ago)
FROM ended WHERE job.id = ended.job AND job.started_at IS NULL
"""  # noqa: S608 - names of tables


def finish(
    finished: Sequence[Finished], *, worker: str, retention: Mapping[str, float], using: str
) -> set[int]:
    """Move running jobs to what their outcomes say; return the ids that had changed hands.

    Fenced: a job that was rescued, cancelled or released meanwhile stays as it is. Doing it again,
    as after a commit whose answer was lost, changes nothing more. ``worker`` names the worker in
    the errors; ``retention`` is how many seconds to keep a job, by its final state.
    """
    # Ascending, as everybody who waits for rows of jobs takes them.
    ordered = sorted(finished, key=lambda ended: ended.job.id)
    now = time.monotonic()
    good = [ended for ended in ordered if type(ended.outcome) is Succeeded]
    rest = [ended for ended in ordered if type(ended.outcome) is not Succeeded]
    lost: set[int] = set()
    if good:
        rows = [
            (*_timing(ended, now, retention["succeeded"]), ended.outcome.result)  # type: ignore[union-attr]
            for ended in good
        ]
        lost |= _write(_SUCCEED, good, rows, using)
    if rest:
        concluded = [_conclusion(ended, now, worker, retention) for ended in rest]
        lost |= _write(_CONCLUDE, rest, concluded, using)
    return lost


def mark_started(started: Sequence[tuple[int, int, float]], *, using: str) -> None:
    """Note that prefetched jobs have begun: ``(id, claims, seconds ago)`` of each. Fenced."""
    if started:
        change(using, _MARK_STARTED, _columns(sorted(started)))


def _write(
    statement: str, ended: Sequence[Finished], rows: Sequence[tuple[Any, ...]], using: str
) -> set[int]:
    if change(using, statement, _columns(rows)) == len(rows):
        return set()
    fences = [(one.job.id, one.job.claims) for one in ended]
    return {job for (job,) in fetch(using, _LOST, _columns(fences))}


def _columns(rows: Sequence[tuple[Any, ...]]) -> list[Any]:
    return [_array(column) for column in zip(*rows, strict=True)]


def _array(column: Sequence[Any]) -> str | list[Any]:
    """Return a column as an array: of numbers as text, which the driver would quote one by one."""
    if isinstance(column[0], str) or any(isinstance(value, str) for value in column):
        return list(column)
    items = ("NULL" if value is None else repr(value) for value in column)
    return f"{{{','.join(items)}}}"


def _timing(ended: Finished, now: float, keep: float) -> tuple[int, int, float, float, float]:
    keep = keep if ended.retention is None else ended.retention
    return ended.job.id, ended.job.claims, now - ended.ended, ended.elapsed, float(keep)


def _conclusion(
    ended: Finished, now: float, worker: str, retention: Mapping[str, float]
) -> tuple[Any, ...]:
    outcome = ended.outcome
    state, uncharged, delay, error, note = State.SCHEDULED, 0, None, None, None
    match outcome:
        case Failed():
            state = State.FAILED if outcome.delay is None else State.SCHEDULED
            delay, error = outcome.delay, _error(ended, outcome, worker)
        case Snoozed():
            uncharged, delay = 1, outcome.delay
        case Parked():
            uncharged, delay = 1, outcome.delay
            note = f"Parked: {outcome.reason}"
        case Cancelled():
            state, note = State.CANCELLED, outcome.reason
    *timing, keep = _timing(ended, now, retention.get(state, 0))
    return (
        *timing,
        None if state == State.SCHEDULED else keep,
        state.value,
        uncharged,
        None if delay is None else float(delay),
        error,
        note,
    )


def _error(ended: Finished, outcome: Failed, worker: str) -> str:
    now = timezone.now()
    ended_at = now - timedelta(seconds=time.monotonic() - ended.ended)
    return json.dumps(
        {
            "attempt": ended.job.attempts,
            **outcome.fault._asdict(),
            "worker": worker,
            "started_at": (ended_at - timedelta(seconds=ended.elapsed)).isoformat(),
            "ended_at": ended_at.isoformat(),
        }
    )
