"""@job: make a function something that can be enqueued, and leave it as it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Concatenate, Unpack, overload

from asgiref.sync import sync_to_async

import django_jobs
from django_jobs import backoff, dependencies, options
from django_jobs.capabilities import refuse_atomic, refuse_memory_limit
from django_jobs.definitions import Definition, define
from django_jobs.durations import seconds
from django_jobs.exceptions import InvalidOption, UnknownOption
from django_jobs.fields import CHECKS
from django_jobs.jobfunctions import (
    Context,
    Declared,
    Defaults,
    JobDecorator,
    JobFunction,
    P,
    R_co,
)
from django_jobs.rates import check_rate
from django_jobs.registry import forget, import_path, register
from django_jobs.specs import JobSpec

if TYPE_CHECKING:
    from django_jobs.models import Job


#: Marks a function that is a job because of a ``@cron``: a ``@job`` above it says more.
IMPLIED = "_django_jobs_implied"


def _exceptions(option: str) -> Callable[[object], Any]:
    return lambda value: options.check_exceptions(value, option)


def _flag(option: str) -> Callable[[object], bool]:
    return lambda value: options.check_flag(value, option)


#: What ``@job`` takes, and how each value is checked. Their types are those of ``Defaults``.
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
    "concurrency_key": CHECKS["concurrency_key"],
    "max_running_per_key": lambda value: options.check_count(value, "max_running_per_key"),
    "ordered": _flag("ordered"),
    "rate_limit": lambda value: check_rate(value, "rate_limit"),
    "rate_limit_per_key": lambda value: check_rate(value, "rate_limit_per_key"),
    "expires_after": CHECKS["expires_after"],
    "type_key": lambda value: options.check_name(value, "type_key"),
    "write_all": options.check_write_all,
    "depends_on": dependencies.check,
    "aliases": options.check_aliases,
}


class JobMaker:
    """Register a function as a job, and give it ``.job``, ``.enqueue()`` and ``.aenqueue()``.

    Raise UnknownOption, InvalidOption or UnsupportedOption, naming what is wrong, and
    DuplicateJobName where another function has the name.
    """

    def __init__(self, defaults: Mapping[str, Any]) -> None:
        self._defaults = dict(defaults)

    @overload
    def __call__(
        self, function: Callable[Concatenate[Context, P], R_co], /
    ) -> JobFunction[Concatenate[Context, P], P, R_co]: ...

    @overload
    def __call__(self, function: Callable[P, R_co], /) -> JobFunction[P, P, R_co]: ...

    @overload
    def __call__(self, /, **declared: Unpack[Declared]) -> JobDecorator: ...

    def __call__(self, function: Callable[..., Any] | None = None, /, **declared: Any) -> Any:
        # Not "or", option by option: what was said last holds, also where it is 0 or False.
        merged = self._defaults | checked(declared)
        given = {name: value for name, value in merged.items() if value is not None}
        refuse_contradictions(given)

        def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
            return _decorate(function, dict(given))

        return decorate if function is None else decorate(function)

    def with_defaults(self, **declared: Unpack[Defaults]) -> JobMaker:
        """Return a decorator like this one, for functions that have these options in common.

        What is said where a function is declared goes over them; None stands for what would hold
        without them. Raise UnknownOption or InvalidOption.
        """
        for own in ("name", "aliases"):
            if own in declared:
                raise InvalidOption(f"{own} is for one function: give it at the function itself.")
        return JobMaker(self._defaults | checked(dict(declared)))

    def __repr__(self) -> str:
        return f"<@job {self._defaults}>" if self._defaults else "<@job>"


job = JobMaker({})


def checked(declared: Mapping[str, Any]) -> dict[str, Any]:
    """Return options as a definition holds them; raise UnknownOption or InvalidOption."""
    for name in declared:
        if name not in _DECLARED:
            raise UnknownOption(name, _DECLARED)
    if "retries" in declared and "max_attempts" in declared:
        raise InvalidOption("retries=n is max_attempts=n+1: give one of them, not both.")
    checked = {
        name: None if value is None else _DECLARED[name](value) for name, value in declared.items()
    }
    if "retries" in checked:
        checked["max_attempts"] = checked.pop("retries")
    return checked


def refuse_contradictions(given: Mapping[str, Any]) -> None:
    """Raise InvalidOption for options that make no sense together."""
    for name in ("max_running_per_key", "rate_limit_per_key"):
        if name in given and "concurrency_key" not in given:
            raise InvalidOption(f"{name} is for the jobs of one key: give a concurrency_key too.")
    if given.get("ordered") and given.get("max_running_per_key", 1) > 1:
        raise InvalidOption("ordered lets one job of a key run at a time: no max_running_per_key.")


def _decorate(function: Callable[..., Any], declared: dict[str, Any]) -> Callable[..., Any]:
    path = import_path(function)
    name = declared.pop("name", path)
    definition = define(function, name, declared.pop("executor", None), **declared)
    refuse_unsupported(definition)
    if problem := definition.write_all_problem(is_final=False):
        raise InvalidOption(problem)
    if getattr(function, IMPLIED, False):  # by a @cron below, under its import path
        forget(path)
        setattr(function, IMPLIED, False)
    register(definition)
    function.job = spec = _spec(definition)  # type: ignore[attr-defined]
    spec.settle()
    function.enqueue = enqueue = _enqueuer(spec)  # type: ignore[attr-defined]
    function.aenqueue = sync_to_async(enqueue)  # type: ignore[attr-defined]
    return function


def refuse_unsupported(definition: Definition) -> None:
    """Raise UnsupportedOption for what the executor of a job function cannot do."""
    if definition.memory_limit is not None:
        refuse_memory_limit(definition.executor, definition.name)
    if definition.atomic:
        refuse_atomic(definition.executor, definition.is_coroutine, definition.name)


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
