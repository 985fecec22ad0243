"""Workflows as a whole: start one, with its steps and jobs; cancel one; prune the old ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from django.db import transaction

from django_jobs.engine.cancel import cancel
from django_jobs.engine.enqueue import enqueue
from django_jobs.engine.resume import resume
from django_jobs.engine.settle import settle_after_commit
from django_jobs.engine.sql import EDGE, JOB, STEP, WORKFLOW, among, change, fetch, opaque, states
from django_jobs.exceptions import UniqueKeyHeld
from django_jobs.handing import placed
from django_jobs.models import Edge, Job, Step, Workflow
from django_jobs.planning import Plan, PlannedStep
from django_jobs.states import LIVE, StepState

_CANCEL = f"""
UPDATE {WORKFLOW} SET cancelled_at = coalesce(cancelled_at, statement_timestamp())
WHERE id = %s AND state = 'running' AND steps_left > 0 RETURNING id
"""  # noqa: S608 - names of tables

_JOBS_OF = f"""
SELECT id FROM {JOB} WHERE step_id = ANY(ARRAY(
    SELECT id FROM {STEP} WHERE workflow_id = %s AND kind <> 'cleanup'
)) AND"""  # noqa: S608 - names of tables

_LIVE = f"{_JOBS_OF} {opaque(f'state IN {states(LIVE)}')}"
_BAD = f"""{_JOBS_OF} {opaque("state IN ('failed', 'cancelled')")}"""

_STEPS_OF = f"SELECT id FROM {STEP} WHERE workflow_id = ANY(%s::bigint[])"  # noqa: S608

# What is past its time is not retried any more, so nobody else wants these rows.
_OLD = f"""
SELECT id FROM {WORKFLOW} WHERE prune_at <= statement_timestamp()
ORDER BY prune_at LIMIT %s FOR UPDATE SKIP LOCKED
"""  # noqa: S608 - names of tables

_PRUNE_JOBS = f"""
WITH old AS MATERIALIZED (
    SELECT id FROM {JOB} WHERE step_id = ANY(ARRAY({_STEPS_OF})) AND NOT unsettled
    LIMIT %s FOR UPDATE SKIP LOCKED
)
DELETE FROM {JOB} AS job WHERE {among("old")}
"""  # noqa: S608 - names of tables

_UNTOLD = f"""
SELECT DISTINCT workflow_id FROM {STEP} WHERE id = ANY(ARRAY(
    SELECT step_id FROM {JOB} WHERE step_id = ANY(ARRAY({_STEPS_OF}))
))
"""  # noqa: S608 - names of tables

_PRUNE = (
    f"DELETE FROM {EDGE} WHERE before_id = ANY(ARRAY({_STEPS_OF}))",  # noqa: S608
    f"DELETE FROM {STEP} WHERE workflow_id = ANY(%s::bigint[])",  # noqa: S608
    f"DELETE FROM {WORKFLOW} WHERE id = ANY(%s::bigint[])",  # noqa: S608
)

#: Workflows that one transaction prunes.
BATCH = 100


def start(plan: Plan, *, using: str) -> tuple[Workflow, Sequence[Job]]:
    """Make a workflow, its steps and all of its jobs, ready or blocked; return it and these.

    All or nothing. Raise UniqueKeyHeld where another job holds a unique key.
    """
    with transaction.atomic(using=using):
        workflow = Workflow.objects.using(using).create(
            name=plan.name,
            on_failure=plan.on_failure,
            size=plan.size,
            steps_left=sum(not step.is_cleanup for step in plan.steps),
            meta=plan.meta,
        )
        rows = [_step(workflow, place, step) for place, step in enumerate(plan.steps)]
        ids = [step.pk for step in Step.objects.using(using).bulk_create(rows)]
        Edge.objects.using(using).bulk_create(
            Edge(before_id=ids[before], after_id=ids[place], position=position)
            for place, step in enumerate(plan.steps)
            for position, before in enumerate(step.before.steps)
        )
        _place_sources(plan, rows, ids, using)
        jobs = enqueue(plan.specs(ids), using=using)
        if isinstance(jobs, list):  # others have no unique keys
            _refuse_held(jobs)
    return workflow, jobs


def _step(workflow: Workflow, place: int, step: PlannedStep) -> Step:
    waits = len(step.before.steps)
    begins = not waits and not step.is_cleanup
    kind = Step.Kind.JOIN if step.is_join else Step.Kind.JOBS
    return Step(
        workflow=workflow,
        name=step.name,
        position=place,
        kind=Step.Kind.CLEANUP if step.is_cleanup else kind,
        function=step.function,
        is_group=step.is_group,
        state=StepState.RUNNING if begins else StepState.WAITING,
        size=len(step.specs),
        jobs_left=len(step.specs),
        waits_left=waits,
    )


def _place_sources(plan: Plan, rows: Sequence[Step], ids: Sequence[int], using: str) -> None:
    """Write down what joins tell of, now that the steps have ids."""
    joins = []
    for row, step in zip(rows, plan.steps, strict=True):
        if step.is_join and step.before.shape is not None:
            row.source = placed(step.before.shape, dict(enumerate(ids)))
            joins.append(row)
    if joins:
        Step.objects.using(using).bulk_update(joins, ["source"])


def _refuse_held(jobs: Sequence[Job]) -> None:
    seen = Counter(job.pk for job in jobs)
    for job in jobs:
        if not job.created:
            own = any(other.created and other.pk == job.pk for other in jobs)
            holder = "another job of it" if own and seen[job.pk] > 1 else str(job)
            raise UniqueKeyHeld(job.unique_key or "", holder)


def cancel_workflow(workflow: int, *, retention: Mapping[str, float], using: str) -> list[int]:
    """Move all jobs of a workflow that have not ended to cancelled; return their ids.

    Its clean-up is left to run. One that has ended, or is cleaning up, is left as it is.
    """
    with transaction.atomic(using=using):
        # Holds the row: nobody makes jobs of it ready meanwhile.
        if not fetch(using, _CANCEL, (workflow,)):
            return []
        ids = [job for (job,) in fetch(using, _LIVE, (workflow,))]
        cancelled = cancel(ids, retention=retention["cancelled"], using=using)
        settle_after_commit(retention, using)
    return cancelled


def retry_workflow(workflow: int, *, using: str) -> int:
    """Retry all failed and cancelled jobs of a workflow, ready or blocked; return how many."""
    retried, _ = resume([job for (job,) in fetch(using, _BAD, (workflow,))], using=using)
    return retried


def prune_workflows(*, using: str, batch: int) -> int:
    """Delete the workflows past their retention, with their steps and jobs; return how many jobs.

    Jobs first, in batches, each in a transaction of its own.
    """
    pruned = 0
    while True:
        with transaction.atomic(using=using):
            old = [workflow for (workflow,) in fetch(using, _OLD, (BATCH,))]
            if not old:
                return pruned
            deleted = change(using, _PRUNE_JOBS, (old, batch))
            pruned += deleted
            if deleted < batch:
                left = {workflow for (workflow,) in fetch(using, _UNTOLD, (old,))}
                old = [workflow for workflow in old if workflow not in left]
                for statement in _PRUNE if old else ():
                    change(using, statement, (old,))
                if left:  # of these an end has to be told yet
                    return pruned
