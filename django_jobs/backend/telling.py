"""Django's signals of tasks, sent where ours of jobs are: recorded first, told then."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.dispatch import Signal

from django_jobs import registry, signals
from django_jobs.backend.framework import (
    LOGGER,
    InvalidTaskBackend,
    TaskResultStatus,
    task_backends,
    task_enqueued,
    task_finished,
    task_started,
)
from django_jobs.backend.results import Declared, Result, result_of, row_of, sketch_of
from django_jobs.outcomes import Fault

if TYPE_CHECKING:
    from django_jobs.models import Job

_ID = "django_jobs.backend"


class TaskFailed(Exception):
    """Tells, in the log of Django's tasks, what a task has failed of: in the worker's own words."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(f"{fault.message}\n\n{fault.traceback}".rstrip())


def listen() -> None:
    """Hear of jobs from now on. Only where there are tasks: to be listened to costs a worker."""
    signals.job_started.connect(_started, dispatch_uid=_ID)
    # Not of cancelled ones: Django's own receiver would log each as an error, and mail it.
    signals.job_succeeded.connect(_succeeded, dispatch_uid=_ID)
    signals.job_failed.connect(_failed, dispatch_uid=_ID)


def tell_enqueued(backend: type, result: Result, using: str) -> None:
    """Send task_enqueued once the job is committed."""
    if _is_heard(task_enqueued, logging.DEBUG):
        send = partial(task_enqueued.send_robust, backend, task_result=result)
        transaction.on_commit(lambda: send(), using=using, robust=True)


def _started(*, job: Job, **told: Any) -> None:
    task = _task(job)
    if task is not None and _is_heard(task_started, logging.INFO):
        _send(task_started, job, task, TaskResultStatus.RUNNING)


def _succeeded(*, job: Job, **told: Any) -> None:
    task = _task(job)
    if task is not None and _is_heard(task_finished, logging.INFO):
        _send(task_finished, job, task, TaskResultStatus.SUCCESSFUL)


def _failed(*, job: Job, fault: Fault, **told: Any) -> None:
    task = _task(job)
    if task is None or not _is_heard(task_finished, logging.ERROR):
        return
    try:
        raise TaskFailed(fault)
    except TaskFailed:  # Django's own receiver logs the exception that is being handled
        _send(task_finished, job, task, TaskResultStatus.FAILED)


def _task(job: Job) -> Declared | None:
    found = registry.registered(job.name)
    task: Declared | None = getattr(found, "task", None)
    return task


def _has_receivers(signal: Signal) -> bool:
    """Return whether anybody listens beside Django's own receiver, which writes the log."""
    return len(signal.receivers) > 1


def _is_heard(signal: Signal, level: int) -> bool:
    return _has_receivers(signal) or logging.getLogger(LOGGER).isEnabledFor(level)


def _send(signal: Signal, job: Job, task: Declared, status: TaskResultStatus) -> None:
    if not _has_receivers(signal):
        # Two reads of the database would cost more than most tasks, and the log tells no more.
        result = sketch_of(job, task, status)
    else:
        row = row_of(job.pk, job._state.db or "default")
        if row is None:  # pruned meanwhile: there is nothing to tell of
            return
        attempt = job.attempts if status == TaskResultStatus.RUNNING else None
        result = result_of(row, task, attempt=attempt)
        if result.status != status:
            return  # somebody has retried it meanwhile
    try:
        sender = type(task_backends[result.backend])
    except InvalidTaskBackend:  # it was enqueued when TASKS had such an entry
        return
    signal.send_robust(sender, task_result=result)
