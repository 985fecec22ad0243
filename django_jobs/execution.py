"""Run one claimed job and say how it ended. Only an atomic job's success is recorded here."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import time
from collections.abc import Callable
from functools import partial
from inspect import Parameter
from typing import Any

from asgiref.sync import sync_to_async
from django.db import connections, transaction

from django_jobs import engine
from django_jobs.backoff import takes_error
from django_jobs.context import Desk, JobContext
from django_jobs.definitions import Definition
from django_jobs.encoding import decode, encode, reads_rows
from django_jobs.exceptions import ClaimLost, JobTimeout, NotStorable, TransactionLeftOpen
from django_jobs.expansion import expand, is_expanded
from django_jobs.faults import fault_of
from django_jobs.judgement import Policy, concluded, fields, judge
from django_jobs.middleware import around
from django_jobs.outcomes import (
    Abandoned,
    Blocked,
    Claimed,
    Expired,
    Failed,
    Finished,
    Outcome,
    Succeeded,
)
from django_jobs.registry import resolve
from django_jobs.waiting import concerns, waits

logger = logging.getLogger("django_jobs")

#: Characters of a result, as JSON. PostgreSQL keeps a quarter of a gigabyte at most, and a worker
#: writes the results of several jobs by one statement.
MAX_RESULT = 50_000_000

Body = Callable[[], Any]
#: Runs a body under the limits, in seconds and bytes, of its job.
Guard = Callable[[Claimed, Body], Any]


def _in_loop(body: Callable[[], Any]) -> Body:
    """Return a body that runs a coroutine function in an event loop of its own."""
    return lambda: asyncio.run(body())


_POSITIONAL = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)


def perform(
    job: Claimed,
    policy: Policy,
    desk: Desk,
    guard: Guard | None = None,
    *,
    in_loop: Callable[[Callable[[], Any]], Body] = _in_loop,
) -> Finished:
    """Run a job's function in this thread, and return how it ended. Never raise.

    ``guard`` is called with the job and a body, and runs the body under the job's limits.
    ``in_loop`` makes a body of one that is to be awaited.
    """
    started = time.monotonic()
    definition = None
    try:
        definition = resolve(job.name)
        if is_expired(job, started):
            return concluded(job, Expired(), started, definition)
        if is_expanded(job, definition):
            return _expand(job, definition, policy, started)
        if concerns(definition) and (outcome := waits(job, definition, policy)):
            return _unbegun(job, outcome, started, definition)
        body = _body(job, definition, policy, desk, started)
        if definition.is_coroutine:
            body = in_loop(_as_coroutine(body))
        body = _apart(body)
        if guard is not None:
            body = partial(guard, job, body)
        if definition.atomic:
            return _perform_atomic(job, definition, policy, body, started)
        outcome = _success(job, body())
    except BaseException as error:  # SystemExit and KeyboardInterrupt too: the worker goes on
        outcome = judge(error, job, definition, policy)
    finished = concluded(job, outcome, started, definition)
    _tell_overrun(finished, policy.limit(job))
    return finished


def _tell_overrun(finished: Finished, limit: float) -> None:
    if limit and finished.elapsed > limit and type(finished.outcome) is Succeeded:
        logger.warning(
            "job.overran id=%s name=%s limit=%g duration=%.3f",
            finished.job.id, finished.job.name, limit, finished.elapsed,
        )  # fmt: skip


async def aperform(job: Claimed, policy: Policy, desk: Desk) -> Finished:
    """Run a job's coroutine function, cancelled at its timeout, and return how it ended.

    Only the cancellation of the task itself is raised: its worker is stopping, or it is not wanted
    any more.
    """
    started = time.monotonic()
    definition, deadline = None, None
    limit = policy.limit(job)
    try:
        definition = resolve(job.name)
        if is_expired(job, started):
            return concluded(job, Expired(), started, definition)
        if is_expanded(job, definition):
            return await sync_to_async(_expand)(job, definition, policy, started)
        if concerns(definition):
            outcome = await sync_to_async(waits)(job, definition, policy)
            if outcome is not None:
                return _unbegun(job, outcome, started, definition)
        if reads_rows(job.args) or reads_rows(job.kwargs):
            body = await sync_to_async(_body)(job, definition, policy, desk, started)
        else:
            body = _body(job, definition, policy, desk, started)
        async with asyncio.timeout(limit or None) as deadline:
            value = await body()
        outcome = _success(job, value)
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        outcome = await _ajudge(error, job, definition, policy)
    except BaseException as error:
        overran = deadline is not None and deadline.expired()
        told = JobTimeout(limit).with_traceback(error.__traceback__) if overran else error
        outcome = await _ajudge(told, job, definition, policy)
    return concluded(job, outcome, started, definition)


def _unbegun(job: Claimed, outcome: Outcome, began: float, definition: Definition) -> Finished:
    """Return what became of a job whose function was not called."""
    finished = concluded(job, outcome, began, definition)
    return finished._replace(is_recorded=type(outcome) is Blocked)


async def _ajudge(
    error: BaseException, job: Claimed, definition: Definition | None, policy: Policy
) -> Outcome:
    own = None if definition is None else definition.backoff
    chosen = policy.backoff if own is None else own
    if callable(chosen) and takes_error(chosen):  # it may read the job's row
        return await sync_to_async(judge)(error, job, definition, policy)
    return judge(error, job, definition, policy)


def _apart(body: Body) -> Body:
    """Give a body a context of its own: language, time zone, context variables end with it."""
    context = contextvars.copy_context()
    return lambda: context.run(body)


def _as_coroutine(body: Body) -> Callable[[], Any]:
    async def run() -> Any:
        return await body()

    return run


def is_expired(job: Claimed, now: float) -> bool:
    """Return whether a job's time was over before it began."""
    return job.expires is not None and now >= job.expires


# The call ------------------------------------------------------------------------------------


def _body(job: Claimed, definition: Definition, policy: Policy, desk: Desk, started: float) -> Body:
    """Return the call of the job's function, with its context and what is around it."""
    args = () if job.args == "[]" else tuple(decode(job.args, policy.results))
    kwargs = {} if job.kwargs == "{}" else decode(job.kwargs, policy.results)
    if definition.has_members:
        args, kwargs = definition.revive(args, kwargs)
    if definition.context is None and not policy.middleware:
        return partial(definition.func, *args, **kwargs)
    limit = policy.limit(job)
    deadline = started + limit if limit else None
    context = JobContext(job, deadline, limit, desk, policy.row_of)
    if definition.context is not None:
        args, kwargs = _with_context(definition, definition.context, args, kwargs, context)
    body = partial(definition.func, *args, **kwargs)
    if not policy.middleware:
        return body
    context._body = body
    return partial(around(policy.middleware, definition.is_coroutine), context)


def _with_context(
    definition: Definition,
    parameter: Parameter,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    context: JobContext,
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    place = definition.context_place
    if parameter.kind in _POSITIONAL and len(args) >= place:
        return (*args[:place], context, *args[place:]), kwargs
    return args, {**kwargs, parameter.name: context}


# Atomic jobs ---------------------------------------------------------------------------------


class _Undone(Exception):
    """Rolls a transaction back and carries the outcome out of it."""

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome


def _perform_atomic(
    job: Claimed, definition: Definition, policy: Policy, body: Body, started: float
) -> Finished:
    """Run body and finish in one transaction: both are committed, or neither has happened.

    What is raised, also by the commit, has rolled everything back. Where the answer of the commit
    itself is lost, nobody knows; then a failure is reported, and recording it misses a job that was
    committed. The transaction of a test may be around it all.
    """
    committed: list[bool] = []
    depth = len(connections[policy.using].atomic_blocks)
    try:
        with transaction.atomic(using=policy.using):
            # The first callback of all: those that the body adds may raise, after the commit.
            transaction.on_commit(lambda: committed.append(True), using=policy.using)
            outcome = _success(job, body())
            if not isinstance(outcome, Succeeded):
                raise _Undone(outcome)
            finished = concluded(job, outcome, started, definition)
            if engine.finish(
                [finished], worker=policy.worker, retention=policy.retention, using=policy.using
            ):
                raise ClaimLost
        if len(connections[policy.using].atomic_blocks) > depth:
            raise TransactionLeftOpen(
                "The job left an atomic block of its own open, so nothing could be committed: "
                "use transaction.atomic() with a with statement, or as a decorator."
            )
    except ClaimLost:
        outcome = Abandoned("it had changed hands; its transaction was rolled back")
    except _Undone as undone:
        outcome = undone.outcome
    except BaseException as error:
        if not committed:
            outcome = judge(error, job, definition, policy)
        else:
            logger.exception("job.after_commit_failed id=%s name=%s", job.id, job.name)
    if committed:
        return finished._replace(is_recorded=True)
    return concluded(job, outcome, started, definition)


def _expand(job: Claimed, definition: Definition, policy: Policy, started: float) -> Finished:
    """Make the jobs that the job stands for, and end it with them: whatever runs its function."""
    body = partial(expand, job, definition, policy.using)
    return _perform_atomic(job, definition, policy, body, started)


# The end -------------------------------------------------------------------------------------


def _success(job: Claimed, value: object) -> Outcome:
    if value is None:
        return Succeeded()
    try:
        result = encode(value, "the result")
        if len(result) > MAX_RESULT:
            reason = (
                f"it has {len(result):,} characters as JSON, and {MAX_RESULT:,} can be kept: store "
                f"it elsewhere, and return where."
            )
            raise NotStorable("the result", reason)
        return Succeeded(result)
    except Exception as error:
        # Another run would return the same: the attempt is the last one.
        logger.error("job.failed %s", fields(job), exc_info=error)
        return Failed(fault_of(error))
