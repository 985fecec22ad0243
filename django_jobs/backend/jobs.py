"""The backend of Django's tasks: enqueueing makes a job, and a result is a job's row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.core.checks import CheckMessage
from django.utils import timezone

import django_jobs
from django_jobs.backend import checks, options, telling
from django_jobs.backend.declaring import TaskDefinition, definition_of, task_definition
from django_jobs.backend.framework import (
    BaseTaskBackend,
    InvalidTask,
    InvalidTaskBackend,
    TaskResultDoesNotExist,
)
from django_jobs.backend.results import (
    Declared,
    Result,
    alias_of,
    new_result,
    result_of,
    row_of,
    told_of,
)
from django_jobs.backend.task import JobsTask
from django_jobs.backend.values import normalized
from django_jobs.conf import options as settings
from django_jobs.exceptions import JobsError, NotStorable
from django_jobs.specs import JobSpec

#: What PostgreSQL's bigint holds.
_GREATEST = 2**63 - 1


class JobsBackend(BaseTaskBackend):
    """Makes a job of each task that is enqueued, in the caller's transaction.

    ``OPTIONS`` are options of ``@job``, for all tasks of this backend that do not say otherwise.
    """

    task_class = JobsTask
    supports_defer = True
    supports_async_task = True
    supports_get_result = True
    supports_priority = True

    def __init__(self, alias: str, params: dict[str, Any]) -> None:
        super().__init__(alias, params)
        self._params = params
        self.problems = checks.problems(params)
        #: What holds for tasks that do not say otherwise.
        self.defaults: Mapping[str, Any] = {} if self.problems else dict(self.options)

    def validate_task(self, task: Declared) -> None:
        """Raise InvalidTask for what Django, or this backend, cannot run."""
        super().validate_task(task)
        if not isinstance(task, JobsTask):  # declared under another backend: nobody has asked yet
            definition_of(task)

    def enqueue(  # type: ignore[override]  # generic in the stubs alone
        self, task: Declared, args: Iterable[Any], kwargs: Mapping[str, Any]
    ) -> Result:
        """Make a job of a task, in the caller's transaction, and return its result.

        Where a live job holds the unique key, return that one's. Raise InvalidTask, TypeError for
        arguments that are not JSON or do not fit the function, and InvalidTaskBackend for settings
        that make no sense.
        """
        if self.problems:
            raise InvalidTaskBackend(f"TASKS[{self.alias!r}]: {self.problems[0].msg}")
        self.validate_task(task)
        positional, named = normalized(list(args)), normalized(dict(kwargs))
        definition = definition_of(task)
        try:
            spec = self._spec(task, definition).calling(tuple(positional), named)
            job = django_jobs.enqueue(spec)
        except NotStorable:
            raise
        except JobsError as error:
            raise InvalidTask(str(error)) from error
        if not job.created:
            return self.get_result(str(job.pk))
        result = new_result(job, task, self.alias, positional, named)
        telling.tell_enqueued(type(self), result, job._state.db or "default")
        # It may have been run by now.
        return self.get_result(result.id) if settings().immediate else result

    def get_result(self, result_id: str) -> Result:
        """Return the result of a job that this backend has enqueued.

        Raise TaskResultDoesNotExist where there is none, or it is of another backend, or no task.
        """
        from django_jobs.engine.sql import write_alias

        text = str(result_id)
        key = int(text) if text.isascii() and text.isdecimal() and len(text) < 20 else 0
        row = row_of(key, write_alias(None)) if 0 < key <= _GREATEST else None
        definition = None if row is None else task_definition(row.name)
        if row is None or definition is None or alias_of(row, definition.task) != self.alias:
            raise TaskResultDoesNotExist(result_id)
        return result_of(row, definition.task)

    def check(self, **kwargs: Any) -> list[CheckMessage]:
        """Report what is wrong with the settings of this backend."""
        return checks.messages(self.alias, self.problems, self.queues)

    def _spec(self, task: Declared, definition: TaskDefinition) -> JobSpec:
        own = {**self.defaults, **options.given(task)}
        return JobSpec(
            func=definition.name,
            queue=task.queue_name,
            priority=int(task.priority),
            # None would do; with a delay the insert answers with the moment, which a result tells.
            scheduled_at=_aware(task.run_after) or timedelta(),
            meta=told_of(task, definition.task, self.alias),
            **{name: own[name] for name in options.OF_A_JOB if name in own},
        )


def _aware(moment: datetime | None) -> datetime | None:
    return timezone.make_aware(moment) if moment and timezone.is_naive(moment) else moment
