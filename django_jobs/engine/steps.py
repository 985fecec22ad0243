"""The part of settle that is about workflows: steps count ends, and open the steps after them.

Whoever counts holds the row of the workflow, so that one does it at a time, and sees what was
counted before. Dependencies are between steps: a batch of ends is one write for each step that it
touches, however many jobs wait for that step, and the workflow is written when a step has ended.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from django_jobs.engine.announcing import announce
from django_jobs.engine.ends import Ended
from django_jobs.engine.sql import EDGE, JOB, STEP, WORKFLOW, among, change, fetch
from django_jobs.states import OnFailure, State, StepState

# Who cannot have a workflow leaves its ends to the one who has it, who looks again at the end. A
# step whose workflow was deleted is in no row of the answer's second column.
_HOLD = f"""
WITH held AS MATERIALIZED (
    SELECT id FROM {WORKFLOW}
    WHERE id = ANY(ARRAY(SELECT workflow_id FROM {STEP} WHERE id = ANY(%s::bigint[])))
    ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
)
SELECT step.id, held.id IS NOT NULL
FROM {STEP} AS step LEFT JOIN held ON held.id = step.workflow_id
WHERE step.id = ANY(%s::bigint[])
"""  # noqa: S608 - names of tables

_COUNT = f"""
UPDATE {STEP} AS step
SET jobs_left = step.jobs_left - ended.jobs, jobs_failed = step.jobs_failed + ended.failed
FROM unnest(%s::bigint[], %s::int[], %s::int[]) AS ended (id, jobs, failed)
WHERE step.id = ended.id
RETURNING step.id, step.jobs_left, step.jobs_failed - ended.failed = 0 AND ended.failed > 0
"""  # noqa: S608 - names of tables

# Of the steps after those with a failed job, and after these in turn: which job is to blame.
_DOOMED = f"""
WITH RECURSIVE doomed AS (
    SELECT edge.after_id AS id, bad.job
    FROM unnest(%s::bigint[], %s::bigint[]) AS bad (step, job)
    JOIN {STEP} AS step ON step.id = bad.step
    JOIN {WORKFLOW} AS workflow
        ON workflow.id = step.workflow_id AND workflow.on_failure = '{OnFailure.STOP}'
    JOIN {EDGE} AS edge ON edge.before_id = bad.step
    UNION
    SELECT edge.after_id, doomed.job FROM doomed JOIN {EDGE} AS edge ON edge.before_id = doomed.id
)
SELECT doomed.id, min(doomed.job), step.size > 0, step.workflow_id
FROM doomed JOIN {STEP} AS step ON step.id = doomed.id
WHERE step.state = '{StepState.WAITING}' GROUP BY doomed.id, step.size, step.workflow_id
ORDER BY doomed.id
"""  # noqa: S608 - names of tables

#: Which job is to blame for the end of ``job``, by its step; these are in ascending order.
_CAUSE = "(%(causes)s::bigint[])[width_bucket(job.step_id, %(steps)s::bigint[])]"

_STOP = f"""
WITH taken AS MATERIALIZED (
    SELECT id FROM {JOB} WHERE step_id = ANY(%(steps)s::bigint[]) AND state = '{State.BLOCKED}'
    ORDER BY id FOR NO KEY UPDATE
)
UPDATE {JOB} AS job
SET state = 'cancelled', claims = job.claims + 1, finished_at = statement_timestamp(),
    ended_by = {_CAUSE}, note = %(note)s || coalesce({_CAUSE}::text, '')
WHERE {among("taken")}
"""  # noqa: S608 - names of tables

_CLOSE = f"UPDATE {STEP} SET state = 'cancelled' WHERE id = ANY(%s::bigint[])"  # noqa: S608

# A step is over when its jobs and the steps before it have ended. Where nothing goes on after a
# failure, one with a failed job need not wait for those before it.
_END = f"""
UPDATE {STEP} AS step
SET state = CASE WHEN step.jobs_failed = 0 THEN '{StepState.SUCCEEDED}'
    WHEN step.state = '{StepState.WAITING}' OR workflow.cancelled_at IS NOT NULL
    THEN '{StepState.CANCELLED}'
    ELSE '{StepState.FAILED}' END
FROM {WORKFLOW} AS workflow
WHERE step.id = ANY(%s::bigint[]) AND workflow.id = step.workflow_id AND step.jobs_left = 0
    AND step.state IN ('{StepState.WAITING}', '{StepState.RUNNING}')
    AND (step.waits_left = 0
         OR workflow.on_failure = '{OnFailure.STOP}' AND step.jobs_failed > 0
         OR step.kind = 'cleanup')
RETURNING step.id, step.workflow_id, step.kind = 'cleanup',
    step.jobs_failed = 0 OR workflow.on_failure = '{OnFailure.GO_ON}'
"""  # noqa: S608 - names of tables

_OPEN = f"""
UPDATE {STEP} AS step
SET waits_left = step.waits_left - told.steps,
    state = CASE WHEN step.state = '{StepState.WAITING}' AND step.waits_left = told.steps
        AND step.jobs_left > 0 THEN '{StepState.RUNNING}' ELSE step.state END
FROM (
    SELECT after_id, count(*) AS steps FROM {EDGE} WHERE before_id = ANY(%s::bigint[])
    GROUP BY after_id
) AS told
WHERE step.id = told.after_id
RETURNING step.id, step.waits_left = 0, step.jobs_left > 0
"""  # noqa: S608 - names of tables

_RELEASE = f"""
WITH taken AS MATERIALIZED (
    SELECT id FROM {JOB} WHERE step_id = ANY(%s::bigint[]) AND state = '{State.BLOCKED}'
    ORDER BY id FOR NO KEY UPDATE
), moved AS (
    UPDATE {JOB} AS job
    SET state = CASE WHEN job.scheduled_at > statement_timestamp()
        THEN '{State.SCHEDULED}' ELSE '{State.READY}' END
    WHERE {among("taken")} RETURNING job.queue
)
SELECT DISTINCT queue FROM moved
"""  # noqa: S608 - names of tables

_LEAVE = f"""
UPDATE {WORKFLOW} AS workflow SET steps_left = workflow.steps_left - over.steps
FROM unnest(%s::bigint[], %s::int[]) AS over (id, steps) WHERE workflow.id = over.id
RETURNING workflow.id, workflow.steps_left
"""  # noqa: S608 - names of tables

_VERDICT = f"""
SELECT workflow.id,
    CASE WHEN workflow.cancelled_at IS NOT NULL THEN 'cancelled'
         WHEN EXISTS (SELECT 1 FROM {STEP} AS step WHERE step.workflow_id = workflow.id
            AND step.kind <> 'cleanup' AND step.state <> '{StepState.SUCCEEDED}')
         THEN 'failed' ELSE 'succeeded' END,
    cleanup.id, cleanup.state = '{StepState.WAITING}'
FROM {WORKFLOW} AS workflow
LEFT JOIN {STEP} AS cleanup ON cleanup.workflow_id = workflow.id AND cleanup.kind = 'cleanup'
WHERE workflow.id = ANY(%s::bigint[]) AND workflow.state = 'running' AND workflow.steps_left = 0
"""  # noqa: S608 - names of tables

_BEGIN = f"UPDATE {STEP} SET state = 'running' WHERE id = ANY(%s::bigint[])"  # noqa: S608

_FINISH = f"""
UPDATE {WORKFLOW} AS workflow
SET state = over.state, finished_at = statement_timestamp(),
    prune_at = statement_timestamp() + make_interval(secs => over.keep)
FROM unnest(%s::bigint[], %s::text[], %s::float8[]) AS over (id, state, keep)
WHERE workflow.id = over.id
"""  # noqa: S608 - names of tables


class _Over(NamedTuple):
    """A step that has ended."""

    id: int
    workflow: int
    is_cleanup: bool
    #: Whether the steps after it go on.
    opens: bool


def settle_steps(
    ended: Sequence[Ended], retention: Mapping[str, float], using: str
) -> Collection[int]:
    """Count the ends of jobs that are part of workflows, and move what waits for these steps.

    Blocked jobs become ready or scheduled where all steps before theirs have ended, and cancelled
    after a failure. Return the steps whose workflows somebody else has in hand.
    """
    jobs: Counter[int] = Counter(job.step_id for job in ended if job.step_id is not None)
    if not jobs:
        return ()
    steps = sorted(jobs)
    held = dict(fetch(using, _HOLD, (steps, steps)))
    bad = {
        job.step_id: job.id for job in reversed(ended) if job.step_id and job.state != "succeeded"
    }
    failed = Counter(job.step_id for job in ended if job.step_id and job.state != "succeeded")
    ours = [step for step in steps if held.get(step)]
    counts = ([jobs[step] for step in ours], [failed[step] for step in ours])
    counted = fetch(using, _COUNT, (ours, *counts)) if ours else []
    newly = {step: bad[step] for step, _, is_first in counted if is_first}
    over: Counter[int] = Counter(_stop(newly, using)) if newly else Counter()
    if ending := [step for step, left, _ in counted if left == 0]:
        over += _end(ending, retention, using)
    _leave(over, retention, using)
    return [step for step in steps if held.get(step) is False]


def _stop(causes: Mapping[int, int], using: str) -> list[int]:
    """Cancel what comes after steps of which a job has failed; return the workflows of joins."""
    doomed = fetch(using, _DOOMED, (list(causes), list(causes.values())))
    if not doomed:
        return []
    steps, blamed = [row[0] for row in doomed], [row[1] for row in doomed]
    note = "A job of a step before it has not succeeded: #"
    change(using, _STOP, {"steps": steps, "causes": blamed, "note": note})
    # What has jobs ends when they have been told of.
    change(using, _CLOSE, ([step for step, _, has_jobs, _ in doomed if not has_jobs],))
    return [workflow for _, _, has_jobs, workflow in doomed if not has_jobs]


def _end(steps: Sequence[int], retention: Mapping[str, float], using: str) -> Counter[int]:
    """End steps whose jobs have ended, and open those after them; count the ended by workflow."""
    over: Counter[int] = Counter()
    while steps:
        ended = [_Over._make(row) for row in fetch(using, _END, (list(steps),))]
        over.update(step.workflow for step in ended if not step.is_cleanup)
        cleaned = [step.workflow for step in ended if step.is_cleanup]
        if cleaned:
            _conclude(cleaned, retention, using)
        opening = [step.id for step in ended if step.opens]
        opened = fetch(using, _OPEN, (opening,)) if opening else []
        release([step for step, is_free, has_jobs in opened if is_free and has_jobs], using)
        # Joins, and steps whose jobs were all cancelled before it was their turn.
        steps = [step for step, is_free, has_jobs in opened if is_free and not has_jobs]
    return over


def release(steps: Sequence[int], using: str) -> None:
    """Move the blocked jobs of steps to ready, or to scheduled where they are not due."""
    if steps:
        announce([queue for (queue,) in fetch(using, _RELEASE, (list(steps),))], using)


def _leave(over: Counter[int], retention: Mapping[str, float], using: str) -> None:
    if over:
        left = fetch(using, _LEAVE, (list(over), list(over.values())))
        if empty := [workflow for workflow, steps in left if steps == 0]:
            _conclude(empty, retention, using)


def _conclude(workflows: Sequence[int], retention: Mapping[str, float], using: str) -> None:
    """End workflows of which all steps have ended, or let their clean-up begin before that."""
    ending, needed, unneeded = [], [], []
    for workflow, state, cleanup, is_waiting in fetch(using, _VERDICT, (list(workflows),)):
        if is_waiting and state != "succeeded":
            needed.append(cleanup)
            continue
        if is_waiting:
            unneeded.append(cleanup)
        ending.append((workflow, state, retention[state]))
    if needed:
        change(using, _BEGIN, (needed,))
        release(needed, using)
    if unneeded:
        note = "It was not needed: the workflow has succeeded."
        unneeded.sort()
        change(using, _STOP, {"steps": unneeded, "causes": [None] * len(unneeded), "note": note})
    if ending:
        change(using, _FINISH, tuple(map(list, zip(*ending, strict=True))))
