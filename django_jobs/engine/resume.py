"""The part of retry that is about workflows: what was given up because of a failure goes on.

What the steps count is worked out anew, from the rows, while the row of the workflow is held.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

from django.db import IntegrityError, transaction

from django_jobs.engine.announcing import announce
from django_jobs.engine.sql import (
    EDGE,
    JOB,
    STEP,
    WORKFLOW,
    among,
    change,
    fetch,
    movable,
    opaque,
    states,
)
from django_jobs.engine.tally import Bad, Tally
from django_jobs.models import Job
from django_jobs.prepared import NewJob
from django_jobs.states import LIVE, OnFailure, State, StepState

_PARTS = f"""
SELECT id, step_id FROM {JOB} WHERE id = ANY(%s::bigint[]) AND step_id IS NOT NULL
"""  # noqa: S608 - names of tables

# Not those past their time: they are being pruned.
_HOLD = f"""
SELECT id, on_failure, state FROM {WORKFLOW}
WHERE id = ANY(ARRAY(SELECT workflow_id FROM {STEP} WHERE id = ANY(%s::bigint[])))
    AND (prune_at IS NULL OR prune_at > statement_timestamp())
ORDER BY id FOR NO KEY UPDATE
"""  # noqa: S608 - names of tables

_STEPS = f"""
SELECT id, kind, size FROM {STEP} WHERE workflow_id = %s ORDER BY id
"""  # noqa: S608 - names of tables

_EDGES = f"""
SELECT before_id, after_id FROM {EDGE}
WHERE after_id = ANY(ARRAY(SELECT id FROM {STEP} WHERE workflow_id = %s))
"""  # noqa: S608 - names of tables

_COUNTS = f"""
SELECT step_id, count(*) FILTER (WHERE state IN {states(LIVE)} OR unsettled),
    count(*) FILTER (WHERE state IN ('failed', 'cancelled') AND NOT unsettled),
    count(*) FILTER (WHERE state IN {states(LIVE - {State.BLOCKED})})
FROM {JOB} WHERE step_id = ANY(%s::bigint[]) GROUP BY step_id
"""  # noqa: S608 - names of tables

# Few among many: those that have not succeeded.
_BAD = f"""
SELECT id, step_id, ended_by FROM {JOB}
WHERE step_id = ANY(%s::bigint[]) AND {opaque("state IN ('failed', 'cancelled')")} ORDER BY id
"""  # noqa: S608 - names of tables

_REVIVE = f"""
WITH taken AS MATERIALIZED (
    SELECT id FROM {JOB} AS job WHERE id = ANY(%s::bigint[]) AND {movable("retry")}
    ORDER BY id FOR NO KEY UPDATE
)
UPDATE {JOB} AS job
SET state = %s, claims = job.claims + 1, attempts = 0, reprieves = 0, worker_id = NULL,
    scheduled_at = CASE WHEN %s = '{State.BLOCKED}' THEN job.scheduled_at
        ELSE statement_timestamp() END,
    started_at = NULL, finished_at = NULL, prune_at = NULL, result = NULL, progress = NULL,
    note = NULL, ended_by = NULL, unsettled = true
WHERE {among("taken")}
RETURNING job.queue
"""  # noqa: S608 - names of tables

#: What makes a job of the same kind: all that enqueue is told.
_COLUMNS = ", ".join(
    column
    for column in (field.column for field in Job._meta.concrete_fields)
    if column in NewJob._fields and column != "unsettled"
)

# What has succeeded stays as it is: it is done again by another job.
_AGAIN = f"""
INSERT INTO {JOB} ({_COLUMNS}, unsettled, state)
SELECT {_COLUMNS}, true, '{State.BLOCKED}' FROM {JOB}
WHERE step_id = ANY(%s::bigint[]) AND {opaque("state = 'succeeded'")} ORDER BY id DESC LIMIT 1
"""  # noqa: S608 - names of tables and columns

_WRITE = f"""
UPDATE {STEP} AS step
SET state = now.state, size = now.size, jobs_left = now.jobs_left,
    jobs_failed = now.jobs_failed, waits_left = now.waits_left
FROM unnest(%s::bigint[], %s::text[], %s::int[], %s::int[], %s::int[], %s::int[])
    AS now (id, state, size, jobs_left, jobs_failed, waits_left)
WHERE step.id = now.id
"""  # noqa: S608 - names of tables

_GO_ON = f"""
UPDATE {WORKFLOW} SET state = 'running', steps_left = %s, cancelled_at = NULL, finished_at = NULL,
    prune_at = NULL
WHERE id = %s
"""  # noqa: S608 - names of tables


_CLEAN_AGAIN = f"""
UPDATE {WORKFLOW} SET state = 'running', finished_at = NULL, prune_at = NULL WHERE id = %s
"""  # noqa: S608 - names of tables


def resume(ids: Sequence[int], *, using: str) -> tuple[int, list[int]]:
    """Retry those of the jobs that are part of workflows; return how many, and the other jobs.

    A job that was cancelled because of another one is retried by retrying that one. What was
    cancelled because of a job that is retried is blocked again, the workflow runs, and its
    clean-up waits anew.
    """
    parts = dict(fetch(using, _PARTS, (list(ids),)))
    if not parts:
        return 0, list(ids)
    retried = 0
    with transaction.atomic(using=using):
        for workflow, policy, state in fetch(using, _HOLD, (sorted(set(parts.values())),)):
            try:
                with transaction.atomic(using=using):
                    resumed = _Resumed(workflow, policy == OnFailure.STOP, using)
                    retried += resumed.retry(parts.keys(), succeeded=state == "succeeded")
            except IntegrityError:
                pass  # another job holds the unique key of one of them: all are left as they are
    return retried, [job for job in ids if job not in parts]


class _Resumed:
    """A workflow whose row is held, and what is to become of its steps."""

    def __init__(self, workflow: int, stops: bool, using: str) -> None:
        self._workflow, self._stops, self._using = workflow, stops, using
        rows = fetch(using, _STEPS, (workflow,))
        #: Ascending ids: each after those before it.
        self._steps = {key: Tally(key, kind, size) for key, kind, size in rows}
        for before, after in fetch(using, _EDGES, (workflow,)):
            self._steps[after].before.append(before)
        keys = list(self._steps)
        for key, left, failed, released in fetch(using, _COUNTS, (keys,)):
            step = self._steps[key]
            step.jobs_left, step.jobs_failed, step.released = left, failed, released
        self._bad = [Bad._make(row) for row in fetch(using, _BAD, (keys,))]

    def retry(self, wanted: Collection[int], *, succeeded: bool) -> int:
        """Retry jobs; return how many of them live again, also those that are blocked."""
        cleanups = {step.id for step in self._steps.values() if step.kind == "cleanup"}
        if succeeded or any(self._steps[key].released for key in cleanups):
            # Nothing but a clean-up that was not needed; or it cleans up just now, and a failure of
            # what runs meanwhile would be left behind.
            return 0
        known = {job.id for job in self._bad}
        blamed = {job.ended_by for job in self._bad if job.id in wanted}
        chosen = {job for job in known if job in wanted or job in blamed}
        causes = {
            job.id
            for job in self._bad
            if job.id in chosen
            and job.step not in cleanups
            and (job.ended_by is None or job.ended_by not in known)
        }
        if not causes:
            return self._clean_again([job for job in self._bad if job.id in chosen])
        revived = self._revived(causes)
        if not causes & {job.id for job in revived}:
            return 0
        revived += [job for job in self._bad if job.step in cleanups]
        self._count(revived)
        for key in cleanups:
            if not self._steps[key].jobs_left:
                self._steps[key].size += 1
                self._steps[key].jobs_left += change(self._using, _AGAIN, ([key],))
        self._write(revived)
        return len({job.id for job in revived if job.step not in cleanups} & set(wanted))

    def _revived(self, causes: Collection[int]) -> list[Bad]:
        """Return the jobs to revive: the causes, and what was given up because of nothing else."""
        stays = {job.step for job in self._bad if job.ended_by is None and job.id not in causes}
        for step in self._steps.values():
            step.is_stopped = self._stops and any(
                key in stays or self._steps[key].is_stopped for key in step.before
            )
        return [
            job
            for job in self._bad
            if self._steps[job.step].kind != "cleanup"
            and not self._steps[job.step].is_stopped
            and (job.id in causes or job.ended_by is not None)
        ]

    def _clean_again(self, cleanup: Sequence[Bad]) -> int:
        """Run a clean-up that has failed again, and nothing else."""
        if any(self._steps[job.step].kind != "cleanup" for job in cleanup) or not cleanup:
            return 0
        untold = self._untold([job.id for job in cleanup])
        for job in cleanup:
            step = self._steps[job.step]
            step.jobs_left += job.id not in untold
            step.jobs_failed -= job.id not in untold
        queues = fetch(self._using, _REVIVE, ([job.id for job in cleanup], "ready", "ready"))
        announce({queue for (queue,) in queues}, self._using)
        steps = [self._steps[key] for key in sorted({job.step for job in cleanup})]
        for step in steps:
            step.state = StepState.RUNNING
        self._write_steps(steps)
        change(self._using, _CLEAN_AGAIN, (self._workflow,))
        return len(cleanup)

    def _count(self, revived: Sequence[Bad]) -> None:
        untold = self._untold([job.id for job in revived])
        for job in revived:
            if job.id not in untold:
                self._steps[job.step].jobs_left += 1
                self._steps[job.step].jobs_failed -= 1
        for step in self._steps.values():
            before = (self._steps[key] for key in step.before)
            step.waits_left = sum(not one.lets_on(stops=self._stops) for one in before)
            step.state = self._state(step)

    def _state(self, step: Tally) -> StepState:
        if step.kind == "cleanup":
            return StepState.WAITING
        if not step.has_ended(stops=self._stops):
            # Or it ran before, and what it comes after is run again: it waits for that to end.
            begins = step.waits_left == 0 or step.released or (step.size and not step.jobs_left)
            return StepState.RUNNING if begins else StepState.WAITING
        if step.is_stopped:
            return StepState.CANCELLED
        return StepState.FAILED if step.jobs_failed else StepState.SUCCEEDED

    def _untold(self, ids: Sequence[int]) -> set[int]:
        """Return those whose end no step has counted yet."""
        sql = f"SELECT id FROM {JOB} WHERE id = ANY(%s::bigint[]) AND {opaque('unsettled')}"  # noqa: S608
        return {job for (job,) in fetch(self._using, sql, (list(ids),))}

    def _write(self, revived: Sequence[Bad]) -> None:
        by_state: Mapping[State, list[int]] = defaultdict(list)
        for job in revived:
            waits = self._steps[job.step].state == StepState.WAITING
            by_state[State.BLOCKED if waits else State.READY].append(job.id)
        for state, ids in sorted(by_state.items()):
            queues = {queue for (queue,) in fetch(self._using, _REVIVE, (ids, state, state))}
            if state == State.READY:
                announce(queues, self._using)
        steps = list(self._steps.values())
        left = sum(
            step.kind != "cleanup" and not step.has_ended(stops=self._stops) for step in steps
        )
        self._write_steps(steps)
        change(self._using, _GO_ON, (left, self._workflow))

    def _write_steps(self, steps: Sequence[Tally]) -> None:
        columns = ("id", "state", "size", "jobs_left", "jobs_failed", "waits_left")
        values = tuple([getattr(step, column) for step in steps] for column in columns)
        change(self._using, _WRITE, values)
