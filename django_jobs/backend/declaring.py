"""A task's function as a job function: known by its import path, and run as Django's tasks are."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, wraps
from typing import Any

from asgiref.sync import iscoroutinefunction, sync_to_async

from django_jobs import registry
from django_jobs.backend import options, telling
from django_jobs.backend.context import JobsTaskContext
from django_jobs.backend.framework import InvalidTask, Task
from django_jobs.backend.results import Declared, result_of, row_of
from django_jobs.backend.values import normalized
from django_jobs.capabilities import choose
from django_jobs.choices import Choices
from django_jobs.context import JobContext
from django_jobs.decorators import checked, refuse_contradictions, refuse_unsupported
from django_jobs.definitions import Definition
from django_jobs.exceptions import JobsError


@dataclass(frozen=True, eq=False)
class TaskDefinition(Definition):
    """A job function that was declared by Django's ``@task``."""

    #: As it was declared: ``.using()`` changes nothing of what is known of the function.
    task: Any = None

    @cached_property
    def choices(self) -> Mapping[str, Choices]:
        """Return nothing: Django's tasks get what they were given, whatever is annotated."""
        return {}


def definition_of(task: Declared) -> TaskDefinition:
    """Return the definition of a task's function, made of the first task that it was made into.

    Raise InvalidTask for options that make no sense, and for what is declared by ``@job`` too.
    """
    try:
        name = registry.import_path(task.func)
        known = registry.registered(name)
        if known is not None and known.is_declared:
            if not isinstance(known, TaskDefinition):
                raise InvalidTask(f"{name} is a job by @job already: it is that, or a task.")
            if known.task.func is task.func:
                _refuse_another(task, known.task, name)
                return known
        definition = _defined(_declared(task), name)
        registry.register(definition)
    except JobsError as error:
        raise InvalidTask(str(error)) from error
    telling.listen()
    return definition


def interpret(found: object) -> Definition | None:
    """Return the definition of what stands in a module, where it is a task: of any backend."""
    return definition_of(found) if isinstance(found, Task) else None


registry.interpreters.append(interpret)


def task_definition(name: str) -> TaskDefinition | None:
    """Return the definition of a task by its name, None for any other job."""
    definition = registry.find(name)
    return definition if isinstance(definition, TaskDefinition) else None


def _declared(task: Declared) -> Declared:
    """Return the task that its module has, where that is there by now: the same in each process.

    One that was declared under another backend is seen here first when somebody has said
    ``.using(backend=…)``, and in a worker as it stands in the module.
    """
    found = getattr(sys.modules.get(task.func.__module__), task.func.__name__, None)
    return found if isinstance(found, Task) and found.func is task.func else task


def _refuse_another(task: Declared, declared: Declared, name: str) -> None:
    """Raise InvalidTask where what holds for all jobs of a function is said in two ways."""
    if task is not declared:
        for option in options.OF_A_FUNCTION:
            if getattr(task, option, None) != getattr(declared, option, None):
                raise InvalidTask(f"{name} was declared with another {option}, for all its jobs.")


def _defined(task: Declared, name: str) -> TaskDefinition:
    defaults: Mapping[str, Any] = getattr(task.get_backend(), "defaults", {})
    declared = checked({**defaults, **options.given(task)})
    refuse_contradictions(declared)
    kind = choose(
        declared.pop("executor", None), is_coroutine=iscoroutinefunction(task.func), function=name
    )
    definition = TaskDefinition(
        name=name,
        func=_run(task),
        executor=kind,
        queue=task.queue_name,
        priority=int(task.priority),
        takes_context=task.takes_context,
        task=task,
        **declared,
    )
    refuse_unsupported(definition)
    return definition


def _run(task: Declared) -> Callable[..., Any]:
    """Return a task's function with Django's context, whose result is JSON by Django's rules."""
    func = task.func

    @wraps(func)
    def run(*args: Any, **kwargs: Any) -> Any:
        if task.takes_context:
            args = (_context(args[0]), *args[1:])
        return normalized(func(*args, **kwargs))

    @wraps(func)
    async def arun(*args: Any, **kwargs: Any) -> Any:
        if task.takes_context:
            args = (await sync_to_async(_context)(args[0]), *args[1:])
        return normalized(await func(*args, **kwargs))

    return arun if iscoroutinefunction(func) else run


def _context(job: JobContext) -> JobsTaskContext:
    definition = task_definition(job.name)
    row = row_of(job.id, job.job._state.db or "default")
    if definition is None or row is None:
        raise LookupError(f"The row or the function of {job!r} is gone while it runs.")
    result = result_of(row, definition.task, attempt=job.attempt)
    return JobsTaskContext(task_result=result, job=job)
