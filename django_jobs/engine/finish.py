"""finish: running → succeeded, failed, cancelled, or scheduled for another attempt."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, NamedTuple

from django.utils import timezone

from django_jobs.engine.expire import EXPIRED
from django_jobs.engine.settle import settle_after_commit
from django_jobs.engine.sql import (
    FENCE,
    FENCED,
    JOB,
    PLACE,
    STILL_OWNED,
    among,
    array,
    change,
    fetch,
    kept_until,
    with_error,
)
from django_jobs.outcomes import (
    Abandoned,
    Blocked,
    Cancelled,
    Claimed,
    Expired,
    Failed,
    Finished,
    Parked,
    Snoozed,
    Succeeded,
)
from django_jobs.states import FINISHED, State


def _given(column: str, kind: str) -> str:
    """Return the value of ``job`` in the array ``column``."""
    return f"(%({column})s::{kind}[])[{PLACE}]"


def _ago(column: str) -> str:
    return f"now.at - make_interval(secs => {_given(column, 'float8')})"


_NOW = "(SELECT statement_timestamp() AS at) AS now"
#: How many were moved, and whether somebody waits for any of them.
_COUNTED = "SELECT count(*), coalesce(bool_or(unsettled), false) FROM moved"
_KEPT = kept_until("now.at", _given("keep", "float8"))

_SUCCEED = f"""
{FENCED}, moved AS (
UPDATE {JOB} AS job
SET state = 'succeeded', started_at = {_ago("began")}, finished_at = {_ago("ended")},
    prune_at = {_KEPT}, result = {_given("result", "text")}::jsonb
FROM {_NOW} WHERE {among("fenced")} AND {STILL_OWNED}
RETURNING job.unsettled) {_COUNTED}
"""  # noqa: S608 - names of tables

_STATE, _ERROR = _given("state", "text"), _given("error", "text")
_CONCLUDE = f"""
{FENCED}, moved AS (
UPDATE {JOB} AS job
SET state = {_STATE},
    attempts = job.attempts - {_given("uncharged", "int")},
    worker_id = CASE WHEN {_STATE} = 'scheduled' THEN NULL ELSE job.worker_id END,
    scheduled_at = coalesce(
        now.at + make_interval(secs => {_given("delay", "float8")}), job.scheduled_at),
    started_at = {_ago("began")},
    finished_at = CASE WHEN {_STATE} <> 'scheduled' THEN {_ago("ended")} END,
    prune_at = {_KEPT},
    errors = CASE WHEN {_ERROR} IS NULL THEN job.errors
             ELSE {with_error(f"{_ERROR}::jsonb")} END,
    fingerprint = coalesce({_ERROR}::jsonb ->> 'fingerprint', job.fingerprint),
    note = {_given("note", "text")}
FROM {_NOW} WHERE {among("fenced")} AND {STILL_OWNED}
RETURNING job.unsettled AND job.finished_at IS NOT NULL AS unsettled) {_COUNTED}
"""  # noqa: S608 - names of tables

_HELD = f"SELECT id, state FROM {JOB} AS job WHERE {FENCE}"  # noqa: S608 - names of tables

_MARK_STARTED = f"""
{FENCED}
UPDATE {JOB} AS job SET started_at = {_ago("began")}
FROM {_NOW} WHERE {among("fenced")} AND job.started_at IS NULL
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
        results = [ended.outcome.result for ended in good]  # type: ignore[union-attr]
        keep = [_keep(ended, State.SUCCEEDED, retention) for ended in good]
        lost |= _write(_SUCCEED, good, now, retention, using, keep=array(keep), result=results)
    if rest:
        told = _conclusions(rest, worker, retention)
        lost |= _write(_CONCLUDE, rest, now, retention, using, **told)
    return lost


def mark_started(started: Sequence[tuple[int, int, float]], *, using: str) -> None:
    """Note that prefetched jobs have begun: ``(id, claims, seconds ago)`` of each. Fenced."""
    if started:
        ids, claims, began = map(array, zip(*sorted(started), strict=True))
        change(using, _MARK_STARTED, {"ids": ids, "claims": claims, "began": began})


def lost(jobs: Sequence[Claimed], *, using: str) -> list[Claimed]:
    """Return those of the claimed jobs that have changed hands or were cancelled. Moves nothing."""
    if not jobs:
        return []
    ordered = sorted(jobs, key=lambda job: job.id)
    ids, claims = map(array, zip(*((job.id, job.claims) for job in ordered), strict=True))
    held = {job for job, _ in fetch(using, _HELD, {"ids": ids, "claims": claims})}
    return [job for job in ordered if job.id not in held]


def _write(
    statement: str,
    finished: Sequence[Finished],
    now: float,
    retention: Mapping[str, float],
    using: str,
    **columns: Any,
) -> set[int]:
    params = {
        "ids": array([one.job.id for one in finished]),
        "claims": array([one.job.claims for one in finished]),
        "ended": array([now - one.ended for one in finished]),
        "began": array([now - one.ended + one.elapsed for one in finished]),
        **columns,
    }
    ((moved, unsettled),) = fetch(using, statement, params)
    if unsettled:
        settle_after_commit(retention, using)
    if moved == len(finished):
        return set()
    # It is no loss that what we write is written already. That it ended otherwise is: its commit
    # came through, though nobody heard of it.
    held = dict(fetch(using, _HELD, params))
    intended = columns.get("state") or [State.SUCCEEDED] * len(finished)
    return {
        one.job.id
        for one, state in zip(finished, intended, strict=True)
        if held.get(one.job.id) != state
    }


def _keep(ended: Finished, state: State, retention: Mapping[str, float]) -> float | None:
    """Return the seconds to keep the row; None while it is not finished."""
    if state not in FINISHED:
        return None
    keep = float(retention[state] if ended.retention is None else ended.retention)
    return max(keep, ended.wanted) if state is State.SUCCEEDED else keep


class _Conclusion(NamedTuple):
    """What is written of a run that did not just succeed."""

    state: State
    uncharged: int = 0
    delay: float | None = None
    error: str | None = None
    note: str | None = None


def _conclusions(
    finished: Sequence[Finished], worker: str, retention: Mapping[str, float]
) -> dict[str, Any]:
    told = [_conclusion(ended, worker) for ended in finished]
    keep = [_keep(ended, one.state, retention) for ended, one in zip(finished, told, strict=True)]
    return {
        "state": [one.state.value for one in told],
        "uncharged": array([one.uncharged for one in told]),
        "delay": array([None if one.delay is None else float(one.delay) for one in told]),
        "error": [one.error for one in told],
        "note": [one.note for one in told],
        "keep": array(keep),
    }


def _conclusion(ended: Finished, worker: str) -> _Conclusion:
    match ended.outcome:
        case Failed(delay=None) as outcome:
            return _Conclusion(State.FAILED, error=_error(ended, outcome, worker))
        case Failed(delay=delay) as outcome:
            error = _error(ended, outcome, worker)
            return _Conclusion(State.SCHEDULED, delay=delay, error=error)
        case Snoozed(delay=delay):
            return _Conclusion(State.SCHEDULED, uncharged=1, delay=delay)
        case Parked(reason=reason, delay=delay):
            return _Conclusion(State.SCHEDULED, uncharged=1, delay=delay, note=f"Parked: {reason}")
        case Expired():
            return _Conclusion(State.CANCELLED, uncharged=1, note=EXPIRED)
        case Cancelled(reason=reason):
            return _Conclusion(State.CANCELLED, note=reason)
        case Succeeded() | Blocked() | Abandoned():
            raise AssertionError(f"{ended.outcome} is not written this way")


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
