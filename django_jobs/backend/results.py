"""The rows of jobs as Django's results of tasks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from django.utils import timezone

from django_jobs.backend import options
from django_jobs.backend.framework import Task, TaskError, TaskResult, TaskResultStatus
from django_jobs.backend.values import normalized
from django_jobs.encoding import decode, reads_rows
from django_jobs.states import State

if TYPE_CHECKING:
    from django_jobs.models import Job

    Declared: TypeAlias = Task[..., Any]
    Result: TypeAlias = TaskResult[..., Any]
else:  # not generic, but in the types
    Declared, Result = Task, TaskResult

#: Where a job's ``meta`` says what it is as a task: the alias of its backend, and what ``.using()``
#: has said.
META = "task"

STATUS = {
    State.SCHEDULED: TaskResultStatus.READY,
    State.BLOCKED: TaskResultStatus.READY,
    State.READY: TaskResultStatus.READY,
    State.RUNNING: TaskResultStatus.RUNNING,
    State.SUCCEEDED: TaskResultStatus.SUCCESSFUL,
    State.FAILED: TaskResultStatus.FAILED,
    State.CANCELLED: TaskResultStatus.FAILED,
}
#: What a job that was cancelled has for an error, as it has none of its own.
CANCELLED = "django_jobs.exceptions.Cancel"


def row_of(key: int, using: str) -> Job | None:
    """Return a job with its worker, by one query; None where there is none."""
    from django_jobs.models import Job

    return Job.objects.using(using).select_related("worker").filter(pk=key).first()


def told_of(task: Declared, declared: Declared, alias: str) -> dict[str, Any]:
    """Return what ``meta`` keeps of a task, so that its result can say it again."""
    told: dict[str, Any] = {"backend": alias}
    if task.run_after is not None:
        told["run_after"] = task.run_after
    own = {
        name: getattr(task, name, None)
        for name in options.OF_A_JOB
        if task is not declared and getattr(task, name, None) != getattr(declared, name, None)
    }
    if own := {name: value for name, value in own.items() if not callable(value)}:
        told["using"] = own
    return {META: told}


def alias_of(row: Job, declared: Declared) -> str:
    """Return the alias of the backend that a job was enqueued by, or would be."""
    told = row.meta.get(META) if isinstance(row.meta, dict) else None
    alias = told.get("backend") if isinstance(told, dict) else None
    return alias if isinstance(alias, str) else declared.backend


def result_of(row: Job, declared: Declared, *, attempt: int | None = None) -> Result:
    """Return the result that a row tells; with ``attempt`` as it is while that attempt runs."""
    errors = _of_this_life(row, attempt)
    run = _run_of(row, attempt)
    starts = [one.get("started_at") for one in errors.current.values()]
    first = next((datetime.fromisoformat(one) for one in starts if isinstance(one, str)), None)
    result: Result = TaskResult(
        task=_task(row, declared),
        id=str(row.pk),
        status=run.status,
        enqueued_at=row.enqueued_at,
        started_at=_as_configured(first) or run.began,
        finished_at=run.ended,
        last_attempted_at=run.began,
        args=_arguments(row.args),
        kwargs=_arguments(row.kwargs),
        backend=alias_of(row, declared),
        errors=[_error(one) for one in errors.all],
        worker_ids=_workers(row, run, errors.current),
    )
    if run.status == TaskResultStatus.SUCCESSFUL:
        object.__setattr__(result, "_return_value", _arguments(row.result))
    elif row.state == State.CANCELLED and attempt is None:
        result.errors.append(TaskError(exception_class_path=CANCELLED, traceback=row.note or ""))
    return result


def sketch_of(job: Job, declared: Declared, status: TaskResultStatus) -> Result:
    """Return what is known of a job's run without a look at its row."""
    return _made(declared, str(job.pk), declared.backend, status)


def new_result(job: Job, task: Declared, alias: str, args: list[Any], kwargs: Any) -> Result:
    """Return the result of a job that was just made."""
    # Due at once is due when it was enqueued, and that has come back from the insert: the column
    # itself would have to be read.
    is_known = task.run_after is None and "scheduled_at" not in job.get_deferred_fields()
    return _made(
        task,
        str(job.pk),
        alias,
        TaskResultStatus.READY,
        enqueued_at=_as_configured(job.scheduled_at) if is_known else job.enqueued_at,
        args=args,
        kwargs=kwargs,
    )


def _made(task: Declared, key: str, alias: str, status: TaskResultStatus, **known: Any) -> Result:
    unknown: dict[str, Any] = {
        "enqueued_at": None,
        "started_at": None,
        "finished_at": None,
        "last_attempted_at": None,
        "args": [],
        "kwargs": {},
        "errors": [],
        "worker_ids": [],
    }
    made: Result = TaskResult(
        task=task, id=key, backend=alias, status=status, **{**unknown, **known}
    )
    return made


class _Run(NamedTuple):
    """The present or last attempt of a job."""

    status: TaskResultStatus
    attempts: int
    began: datetime | None
    ended: datetime | None


def _run_of(row: Job, attempt: int | None) -> _Run:
    if attempt is not None:
        # What runs in a thread or was prefetched may be told of before its start is written.
        return _Run(TaskResultStatus.RUNNING, attempt, row.started_at or timezone.now(), None)
    return _Run(STATUS[State(row.state)], row.attempts, row.started_at, row.finished_at)


class _Errors(NamedTuple):
    """What went wrong: in all attempts, and in those since the job was last retried by hand."""

    all: list[Mapping[str, Any]]
    current: dict[int, Mapping[str, Any]]


def _of_this_life(row: Job, attempt: int | None) -> _Errors:
    errors: list[Mapping[str, Any]] = [one for one in row.errors if isinstance(one, dict)]
    charged = row.attempts if attempt is None else attempt
    has_ended = attempt is not None and row.state != State.RUNNING
    if has_ended and errors and errors[-1].get("attempt") == attempt:
        errors.pop()  # it has failed before anybody could be told of its start
    current: dict[int, Mapping[str, Any]] = {}
    for one in reversed(errors):
        number = one.get("attempt")
        if not isinstance(number, int) or number > charged or number >= min(current, default=2**15):
            break
        current[number] = one
    return _Errors(errors, dict(sorted(current.items())))


def _workers(row: Job, run: _Run, errors: Mapping[int, Mapping[str, Any]]) -> list[str]:
    """Return who ran each attempt: there are as many of them as attempts."""
    here = str(row.worker) if row.worker is not None else f"worker {row.worker_id or 'unknown'}"
    is_open = run.status in (TaskResultStatus.RUNNING, TaskResultStatus.SUCCESSFUL)
    told = {number: str(one.get("worker") or here) for number, one in errors.items()}
    if is_open:
        told[run.attempts] = here
    return [told.get(number, here) for number in range(1, run.attempts + 1)]


def _task(row: Job, declared: Declared) -> Declared:
    """Return the task as it was when it was enqueued."""
    told = (row.meta or {}).get(META)
    told = decode(json.dumps(told)) if isinstance(told, dict) else {}
    own = told.get("using")
    said = {
        "priority": row.priority,
        "queue_name": row.queue,
        "backend": alias_of(row, declared),
        "run_after": told.get("run_after"),
        **(own if isinstance(own, dict) else {}),
    }
    values = {field.name: getattr(declared, field.name) for field in fields(declared)}
    if all(values[name] == value for name, value in said.items() if name in values):
        return declared
    # Not replace(): that validates, and settings may have changed, or the priority by ageing.
    task: Declared = object.__new__(type(declared))
    for name, value in values.items():
        object.__setattr__(task, name, said.get(name, value))
    return task


def _error(told: Mapping[str, Any]) -> TaskError:
    return TaskError(
        exception_class_path=str(told.get("exception", "")),
        traceback=str(told.get("traceback") or told.get("message") or ""),
    )


def _arguments(stored: Any) -> Any:
    """Return what is stored as it was given; where that is more than JSON, as it is stored."""
    text = json.dumps(stored)
    if '"$' not in text or reads_rows(text):
        return stored
    try:
        return normalized(decode(text))
    except (TypeError, ValueError):
        return stored


def _as_configured(moment: datetime | None) -> datetime | None:
    """Return a moment as Django's model fields would: aware or not, as the project is."""
    if moment is None or timezone.is_naive(moment) == timezone.is_naive(timezone.now()):
        return moment
    return timezone.make_aware(moment) if timezone.is_naive(moment) else timezone.make_naive(moment)
