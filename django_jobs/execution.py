"""Run one claimed job and say how it ended. Nothing is recorded here."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import time
from dataclasses import dataclass
from typing import Any

from asgiref.sync import sync_to_async

from django_jobs import backoff
from django_jobs.durations import seconds
from django_jobs.encoding import decode, encode
from django_jobs.exceptions import Cancel, JobTimeout, Retry, Snooze, UnknownJob
from django_jobs.faults import fault_of, storable
from django_jobs.outcomes import (
    Cancelled,
    Claimed,
    Failed,
    Finished,
    Outcome,
    Parked,
    Snoozed,
    Succeeded,
)
from django_jobs.registry import Definition, resolve

logger = logging.getLogger("django_jobs")

#: Seconds until a job whose function nobody knows is tried again: a deploy may be under way.
PARKED_FOR = 60.0


@dataclass(frozen=True)
class Policy:
    """What holds for jobs that do not say otherwise."""

    #: Seconds; 0 for no limit.
    timeout: float
    backoff: backoff.Backoff
    jitter: float


def perform(job: Claimed, policy: Policy) -> Finished:
    """Run a job's function in this thread, and return how it ended. Never raise."""
    started = time.monotonic()
    definition = None
    try:
        definition = resolve(job.name)
        args, kwargs = _arguments(job)
        # A context of its own: what the job sets (language, time zone, context variables) ends
        # with it.
        value = contextvars.copy_context().run(definition.func, *args, **kwargs)
        outcome: Outcome = _success(value)
    except BaseException as error:  # SystemExit and KeyboardInterrupt too: the worker goes on
        outcome = _failure(error, job, definition, policy)
    finished = _finished(job, outcome, started, definition)
    limit = _limit(job, policy)
    if limit and finished.elapsed > limit:
        logger.warning(
            "job.overran id=%s name=%s limit=%g duration=%.3f",
            job.id, job.name, limit, finished.elapsed,
        )  # fmt: skip
    return finished


async def aperform(job: Claimed, policy: Policy) -> Finished:
    """Run a job's coroutine function, cancelled at its timeout, and return how it ended.

    Only the cancellation of the task itself is raised: its worker is stopping.
    """
    started = time.monotonic()
    definition, deadline = None, None
    limit = _limit(job, policy)
    try:
        definition = resolve(job.name)
        if '"$model' in job.args or '"$model' in job.kwargs:
            args, kwargs = await sync_to_async(_arguments)(job)
        else:
            args, kwargs = _arguments(job)
        async with asyncio.timeout(limit or None) as deadline:
            value = await definition.func(*args, **kwargs)
        outcome: Outcome = _success(value)
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        outcome = _failure(error, job, definition, policy)
    except BaseException as error:
        overran = deadline is not None and deadline.expired()
        told = JobTimeout(limit).with_traceback(error.__traceback__) if overran else error
        outcome = _failure(told, job, definition, policy)
    return _finished(job, outcome, started, definition)


def _arguments(job: Claimed) -> tuple[tuple[Any, ...], dict[str, Any]]:
    args = () if job.args == "[]" else tuple(decode(job.args))
    return args, {} if job.kwargs == "{}" else decode(job.kwargs)


def _limit(job: Claimed, policy: Policy) -> float:
    return policy.timeout if job.timeout is None else job.timeout


def _success(value: object) -> Outcome:
    if value is None:
        return Succeeded()
    try:
        return Succeeded(encode(value, "the result"))
    except Exception as error:
        # Another run would return the same: the attempt is the last one.
        return Failed(fault_of(error))


def _finished(
    job: Claimed, outcome: Outcome, started: float, definition: Definition | None
) -> Finished:
    ended = time.monotonic()
    retention = None if definition is None else definition.retention
    return Finished(job, outcome, ended - started, ended, retention)


def _failure(
    error: BaseException, job: Claimed, definition: Definition | None, policy: Policy
) -> Outcome:
    outcome = _judged(error, job, definition, policy)
    match outcome:
        case Failed(delay=None):
            logger.error("job.failed %s", _fields(job), exc_info=error)
        case Failed():
            logger.warning(
                "job.retrying %s delay=%.1f", _fields(job), outcome.delay, exc_info=error
            )
        case Parked():
            logger.error("job.parked %s delay=%g reason=%s", _fields(job), PARKED_FOR, error)
        case _:
            logger.info("job.%s %s", type(outcome).__name__.lower(), _fields(job))
    return outcome


def _fields(job: Claimed) -> str:
    return f"id={job.id} name={job.name} attempt={job.attempts}/{job.max_attempts}"


def _judged(
    error: BaseException, job: Claimed, definition: Definition | None, policy: Policy
) -> Outcome:
    if definition is None:
        if isinstance(error, UnknownJob):
            return Parked(storable(str(error)), PARKED_FOR)
        return Failed(fault_of(error))
    if isinstance(error, Snooze):
        return Snoozed(_delay(error.delay, definition, job, policy))
    if isinstance(error, Cancel):
        return Cancelled(storable(str(error)))
    last = job.attempts >= job.max_attempts
    if isinstance(error, Retry):
        delay = _delay(error.delay, definition, job, policy)
    elif isinstance(error, definition.give_up_on) or not isinstance(
        error, (JobTimeout, *definition.retry_on)
    ):
        last, delay = True, 0.0
    else:
        delay = _delay(None, definition, job, policy)
    return Failed(fault_of(error), None if last else delay)


def _delay(asked: object, definition: Definition, job: Claimed, policy: Policy) -> float:
    if asked is not None:
        try:
            return seconds(asked, "delay")
        except Exception:  # a delay that makes no sense must not lose the job
            logger.warning("job.delay_ignored id=%s delay=%r", job.id, asked)
    chosen = policy.backoff if definition.backoff is None else definition.backoff
    return backoff.delay(chosen, job.attempts, policy.jitter)
