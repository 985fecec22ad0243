"""What an error that ended a run means for its job: another attempt, the end, or neither."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

from django_jobs import backoff
from django_jobs.conf import Options
from django_jobs.definitions import Definition
from django_jobs.durations import seconds
from django_jobs.engine import row_of
from django_jobs.exceptions import Cancel, JobTimeout, ProcessDied, Retry, Snooze, UnknownJob
from django_jobs.faults import fault_of, told
from django_jobs.models import Job
from django_jobs.models.results import value_of
from django_jobs.outcomes import (
    Cancelled,
    Claimed,
    Failed,
    Finished,
    Outcome,
    Parked,
    Snoozed,
)
from django_jobs.registry import awaited

logger = logging.getLogger("django_jobs")

#: Seconds until a job whose function nobody knows is tried again: a deploy may be under way.
PARKED_FOR = 60.0


@dataclass(frozen=True)
class Policy:
    """What holds for jobs that do not say otherwise, and who runs them."""

    #: Seconds; 0 for no limit.
    timeout: float
    backoff: backoff.Backoff
    jitter: float
    #: Seconds to keep finished jobs, by state.
    retention: Mapping[str, float] = field(default_factory=dict)
    #: Import paths of what is called around each run.
    middleware: tuple[str, ...] = ()
    #: The name of the worker, as errors tell it.
    worker: str = ""
    using: str = "default"

    @classmethod
    def of(cls, settings: Options, worker: str, using: str) -> Policy:
        """Return the policy of a project for the jobs that ``worker`` runs."""
        return cls(
            timeout=settings.default_timeout,
            backoff=settings.backoff,
            jitter=settings.backoff_jitter,
            retention=settings.retention,
            middleware=settings.middleware,
            worker=worker,
            using=using,
        )

    @cached_property
    def row_of(self) -> Callable[[Claimed], Job]:
        """Return what makes the model instance of a claimed job."""
        return partial(row_of, using=self.using)

    @cached_property
    def results(self) -> Callable[[Any], Any]:
        """Return what reads the results of other steps."""
        return partial(value_of, using=self.using)

    def limit(self, job: Claimed) -> float:
        """Return how many seconds a run may take; 0 for no limit."""
        return self.timeout if job.timeout is None else job.timeout


def judge(
    error: BaseException, job: Claimed, definition: Definition | None, policy: Policy
) -> Outcome:
    """Return what a run that ended with ``error`` comes to, and tell of it in the log."""
    outcome = _judged(error, job, definition, policy)
    match outcome:
        case Failed(delay=None):
            logger.error("job.failed %s", fields(job), exc_info=error)
        case Failed():
            logger.warning("job.retrying %s delay=%.1f", fields(job), outcome.delay, exc_info=error)
        case Parked():
            logger.error("job.parked %s delay=%g reason=%s", fields(job), PARKED_FOR, error)
        case _:
            logger.info("job.%s %s", type(outcome).__name__.lower(), fields(job))
    return outcome


def concluded(
    job: Claimed, outcome: Outcome, began: float, definition: Definition | None
) -> Finished:
    """Return a run that ends now and began at ``began``, by the monotonic clock."""
    ended = time.monotonic()
    retention = None if definition is None else definition.retention
    wanted = awaited().get(job.name if definition is None else definition.name, 0.0)
    return Finished(job, outcome, ended - began, ended, retention, wanted=wanted)


def fields(job: Claimed) -> str:
    """Return what log lines say of a job."""
    return f"id={job.id} name={job.name} attempt={job.attempts}/{job.max_attempts}"


def _judged(
    error: BaseException, job: Claimed, definition: Definition | None, policy: Policy
) -> Outcome:
    if definition is None:
        if isinstance(error, UnknownJob):
            return Parked(told(error), PARKED_FOR)
        return Failed(fault_of(error))
    if isinstance(error, Snooze):
        return Snoozed(_delay(error, error.delay, definition, job, policy))
    if isinstance(error, Cancel):
        return Cancelled(told(error))
    last = job.attempts >= job.max_attempts
    if isinstance(error, Retry):
        delay = _delay(error, error.delay, definition, job, policy)
    elif isinstance(error, definition.give_up_on) or not isinstance(
        error, (JobTimeout, ProcessDied, *definition.retry_on)
    ):
        last, delay = True, 0.0
    else:
        delay = 0.0 if last else _delay(error, None, definition, job, policy)
    return Failed(fault_of(error), None if last else delay)


def _delay(
    error: BaseException, asked: object, definition: Definition, job: Claimed, policy: Policy
) -> float:
    if asked is not None:
        try:
            return seconds(asked, "delay")
        except Exception:  # a delay that makes no sense must not lose the job
            logger.warning("job.delay_ignored id=%s delay=%r", job.id, asked)
    chosen = policy.backoff if definition.backoff is None else definition.backoff
    return backoff.delay(
        chosen, job.attempts, policy.jitter, error=error, job=partial(policy.row_of, job)
    )
