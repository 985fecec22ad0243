"""Rows as the engine would leave them, and the engine's verbs with what they need."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from django.db import connection
from django.utils import timezone

from django_jobs import engine
from django_jobs.faults import fault_of
from django_jobs.models import Job
from django_jobs.outcomes import Claimed, Failed, Finished, Outcome, Succeeded
from django_jobs.specs import JobSpec
from django_jobs.states import FINISHED, State
from tests.samples import anything

RETENTION = {"succeeded": 60.0, "failed": 60.0, "cancelled": 60.0}
FAULT = fault_of(ValueError("broken"))
FAILED = Failed(FAULT)
RETRIED = Failed(FAULT, delay=0.0)


def make_job(state: str = State.READY, **fields: Any) -> Job:
    """Insert one job in any state, with what the constraints ask of it."""
    if state == State.RUNNING:
        fields = {"worker_id": 1, "attempts": 1, "claims": 1, **fields}
    if state in FINISHED:
        fields = {"finished_at": timezone.now(), "attempts": 1, "claims": 1, **fields}
    return Job.objects.create(**{"name": "tests.samples.anything", "state": state, **fields})


def make_jobs(count: int, **fields: Any) -> list[Job]:
    """Insert several jobs."""
    return [make_job(**fields) for _ in range(count)]


def new_job(**fields: Any) -> JobSpec:
    """Return what the engine enqueues."""
    return JobSpec(**{"func": anything, **fields})


def claim(worker: int = 1, limit: int = 100, queues: Sequence[str] = ()) -> list[Claimed]:
    """Claim jobs that start at once."""
    return engine.claim(worker, queues, limit, starting=True, using="default")


def held(job: Job) -> Claimed:
    """Return the claim that a worker of this row would hold."""
    return Claimed(
        job.pk, job.claims, job.name, "[]", "{}", job.attempts, job.max_attempts, None, job.priority
    )


def ended(job: Claimed, outcome: Outcome | None = None, **how: Any) -> Finished:
    """Return a run of a quarter of a second that ended just now."""
    return Finished(
        **{
            "job": job,
            "outcome": outcome or Succeeded(),
            "elapsed": 0.25,
            "ended": time.monotonic(),
            **how,
        }
    )


def finish(*finished: Finished) -> set[int]:
    """Record how runs ended."""
    return engine.finish(finished, worker="here:1", retention=RETENTION, using="default")


def block(job: Claimed, *awaited: Job) -> set[int]:
    """Let a claimed job wait for others."""
    waits = [engine.Wait(job, one.pk) for one in awaited]
    return engine.block(waits, retention=RETENTION, using="default")


def settle() -> int:
    """Tell of what has ended."""
    return engine.settle(retention=RETENTION, using="default")


def rescue(workers: Sequence[int]) -> list[engine.Rescued]:
    """Take the jobs of workers back."""
    return engine.rescue(workers, reason="lost", retention=RETENTION, using="default")


def rescue_dead(timeout: float = 30) -> list[engine.Rescued]:
    """Rescue the jobs of workers without a sign of life."""
    return engine.rescue_dead(timeout=timeout, retention=RETENTION, using="default")


def state_of(job: Job | Claimed) -> str:
    """Return the state that the row has now."""
    key = job.pk if isinstance(job, Job) else job.id
    return Job.objects.values_list("state", flat=True).get(pk=key)


def row_of(job: Job | Claimed) -> dict[str, Any]:
    """Return all columns of the row as they are now."""
    key = job.pk if isinstance(job, Job) else job.id
    return dict(Job.objects.values().get(pk=key))


def sql(statement: str, *params: Any) -> list[tuple[Any, ...]]:
    """Run one statement and return what it answers."""
    with connection.cursor() as cursor:
        cursor.execute(statement, params or None)
        return cursor.fetchall() if cursor.description else []
