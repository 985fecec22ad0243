"""@job: make a function something that can be enqueued, and leave it as it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Concatenate, overload

from asgiref.sync import sync_to_async

import django_jobs
from django_jobs import backoff, dependencies, options
from django_jobs.capabilities import refuse_atomic, refuse_memory_limit
from django_jobs.context import JobContext
from django_jobs.definitions import Definition, define
from django_jobs.durations import seconds
from django_jobs.exceptions import InvalidOption, UnknownOption
from django_jobs.jobfunctions import ContextJobFunction, JobDecorator, JobFunction, P, R_co
from django_jobs.registry import import_path, register
from django_jobs.specs import CHECKS, JobSpec

if TYPE_CHECKING:
    from django_jobs.models import Job


def _exceptions(option: str) -> Callable[[object], Any]:
    return lambda value: options.check_exceptions(value, option)


def _flag(option: str) -> Callable[[object], bool]:
    return lambda value: options.check_flag(value, option)


#: What ``@job`` takes, and how each value is checked.
_DECLARED: dict[str, Callable[[Any], Any]] = {
    "queue": CHECKS["queue"],
    "priority": CHECKS["priority"],
    "max_attempts": CHECKS["max_attempts"],
    "retries": options.check_retries,
    "backoff": backoff.check,
    "retry_on": _exceptions("retry_on"),
    "give_up_on": _exceptions("give_up_on"),
    "timeout": CHECKS["timeout"],
    "memory_limit": CHECKS["memory_limit"],
    "executor": lambda value: value,
    "unique_key": CHECKS["unique_key"],
    "kwargs": CHECKS["kwargs"],
    "name": lambda value: options.check_name(value, "name"),
    "retention": lambda value: seconds(value, "retention"),
    "atomic": _flag("atomic"),
    "takes_context": _flag("takes_context"),
    "units": lambda value: options.check_count(value, "units", least=0),
    "max_running": lambda value: options.check_count(value, "max_running"),
    "max_running_per_host": lambda value: options.check_count(value, "max_running_per_host"),
    "depends_on": dependencies.check,
}


@overload
def job(function: Callable[Concatenate[JobContext, P], R_co], /) -> ContextJobFunction[P, R_co]: ...


@overload
def job(function: Callable[P, R_co], /) -> JobFunction[P, R_co]: ...


@overload
def job(
    *,
    queue: str = ...,
    priority: int = ...,
    max_attempts: int = ...,
    retries: int = ...,
    backoff: backoff.Backoff = ...,
    retry_on: type[BaseException] | tuple[type[BaseException], ...] = ...,
    give_up_on: type[BaseException] | tuple[type[BaseException], ...] = ...,
    timeout: options.Timeout = ...,
    memory_limit: int = ...,
    executor: str = ...,
    unique_key: options.UniqueKey = ...,
    kwargs: dict[str, Any] = ...,
    name: str = ...,
    retention: options.Timeout = ...,
    atomic: bool = ...,
    units: int = ...,
    max_running: int = ...,
    max_running_per_host: int = ...,
    depends_on: dependencies.Dependency | Sequence[dependencies.Dependency] = ...,
    takes_context: bool = ...,
) -> JobDecorator: ...


def job(function: Callable[..., Any] | None = None, /, **declared: Any) -> Any:
    """Register a function as a job, and give it ``.job``, ``.enqueue()`` and ``.aenqueue()``.

    Raise UnknownOption, InvalidOption or UnsupportedOption, naming what is wrong, and
    DuplicateJobName where another function has the name.
    """
    checked = _checked(declared)

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        return _decorate(function, dict(checked))

    return decorate if function is None else decorate(function)


def _checked(declared: dict[str, Any]) -> dict[str, Any]:
    for name in declared:
        if name not in _DECLARED:
            raise UnknownOption(name, _DECLARED)
    if "retries" in declared and "max_attempts" in declared:
        raise InvalidOption("retries=n is max_attempts=n+1: give one of them, not both.")
    checked = {
        name: _DECLARED[name](value) for name, value in declared.items() if value is not None
    }
    if "retries" in checked:
        checked["max_attempts"] = checked.pop("retries")
    return checked


def _decorate(function: Callable[..., Any], declared: dict[str, Any]) -> Callable[..., Any]:
    path = import_path(function)
    name = declared.pop("name", path)
    definition = define(function, name, declared.pop("executor", None), **declared)
    if definition.memory_limit is not None:
        refuse_memory_limit(definition.executor, name)
    if definition.atomic:
        refuse_atomic(definition.executor, definition.is_coroutine, name)
    register(definition)
    function.job = spec = _spec(definition)  # type: ignore[attr-defined]
    spec.settle()
    function.enqueue = enqueue = _enqueuer(spec)  # type: ignore[attr-defined]
    function.aenqueue = sync_to_async(enqueue)  # type: ignore[attr-defined]
    return function


def _spec(definition: Definition) -> JobSpec:
    return JobSpec(
        func=definition.name,
        kwargs=definition.kwargs,
        queue=definition.queue,
        priority=definition.priority,
        max_attempts=definition.max_attempts,
        unique_key=definition.unique_key,
        timeout=definition.timeout,
        memory_limit=definition.memory_limit,
    )


def _enqueuer(spec: JobSpec) -> Callable[..., Job]:
    defaults = spec.kwargs or {}

    def enqueue(*args: Any, **kwargs: Any) -> Job:
        positional = spec.definition.positional[: len(args)] if defaults and args else ()
        held = {name: value for name, value in defaults.items() if name not in positional}
        # By the package's lazy table: models cannot be imported yet when jobs are declared.
        return django_jobs.enqueue(spec.calling(args, {**held, **kwargs}))

    return enqueue
