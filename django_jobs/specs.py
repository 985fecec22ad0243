"""The immutable description of a job to enqueue."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Self

from django_jobs import encoding, options
from django_jobs.capabilities import refuse_memory_limit
from django_jobs.definitions import Definition
from django_jobs.durations import Duration
from django_jobs.exceptions import InvalidOption, UnknownOption
from django_jobs.prepared import Frame, NewJob, Origin
from django_jobs.registry import awaited, import_path, resolve


def _check_func(value: object) -> str | Callable[..., Any]:
    if isinstance(value, str):
        return options.check_name(value, "func")
    if not callable(value):
        raise InvalidOption(f"func must be a function or its import path, not {value!r}.")
    return value


def _check_args(value: object) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise InvalidOption(f"args must be a list or a tuple, not {value!r}.")
    return tuple(value)


def _check_memory_limit(value: object) -> int:
    if type(value) is not int or not 1 <= value < 2**63:
        raise InvalidOption(f"memory_limit must be a number of bytes, not {value!r}.")
    return value


def _check_unique_key(value: object) -> options.UniqueKey:
    return value if callable(value) else options.check_name(value, "unique_key")


CHECKS: dict[str, Callable[[Any], Any]] = {
    "func": _check_func,
    "args": _check_args,
    "kwargs": lambda value: options.check_dict(value, "kwargs"),
    "queue": lambda value: options.check_name(value, "queue"),
    "priority": options.check_priority,
    "max_attempts": options.check_max_attempts,
    "scheduled_at": lambda value: options.check_moment(value, "scheduled_at"),
    "unique_key": _check_unique_key,
    "timeout": options.check_timeout,
    "memory_limit": _check_memory_limit,
    "meta": lambda value: options.check_dict(value, "meta"),
}


#: The origin of what people enqueue.
NOWHERE = Origin()
#: The fields that say what the function is called with.
_CALL = {"args", "kwargs"}


@dataclass(frozen=True)
class JobSpec:
    """Describe a job to enqueue: a function, its arguments and how to run it.

    Nothing changes a spec; ``with_*()`` return new ones. What is None is as the function's
    ``@job`` declares it. Enqueueing one spec twice makes two jobs.
    """

    func: str | Callable[..., Any]
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] | None = None
    queue: str | None = None
    priority: int | None = None
    max_attempts: int | None = None
    #: An aware datetime, or a delay from the moment of enqueueing.
    scheduled_at: datetime | timedelta | None = None
    unique_key: options.UniqueKey | None = None
    #: Seconds; 0 for no limit.
    timeout: Duration | None = None
    #: Bytes.
    memory_limit: int | None = None
    meta: Mapping[str, Any] | None = None
    #: Set by the library where it makes jobs by itself.
    origin: Origin = field(default=NOWHERE, kw_only=True, repr=False)

    def __post_init__(self) -> None:
        for name, check in CHECKS.items():
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, check(value))

    @classmethod
    def from_func(cls, func: Callable[..., Any], **given: Any) -> Self:
        """Return a spec for ``func``, which needs no decorator, or raise InvalidOption.

        A decorated function brings what its decorator says; ``given`` overrides it.
        """
        declared = getattr(func, "job", None)
        if isinstance(declared, cls):
            return declared.replace(given)
        return cls(func=import_path(func)).replace(given)

    def with_args(self, *args: Any) -> Self:
        """Return a spec with these positional arguments instead."""
        return self.replace({"args": args})

    def with_kwargs(self, kwargs: Mapping[str, Any] | None = None, /, **more: Any) -> Self:
        """Return a spec with these keyword arguments instead; they replace, never merge."""
        if kwargs is not None and not isinstance(kwargs, Mapping):
            raise InvalidOption(f"with_kwargs takes a dict or keywords, not {kwargs!r}.")
        return self.replace({"kwargs": {**(kwargs or {}), **more}})

    def with_queue(self, queue: str) -> Self:
        """Return a spec for another queue."""
        return self.replace({"queue": queue})

    def with_priority(self, priority: int) -> Self:
        """Return a spec with another priority; higher runs first."""
        return self.replace({"priority": priority})

    def with_max_attempts(self, max_attempts: int) -> Self:
        """Return a spec that may run this many times in all."""
        return self.replace({"max_attempts": max_attempts})

    def with_scheduled_at(self, scheduled_at: datetime | timedelta) -> Self:
        """Return a spec to run at a moment, or a while after it is enqueued."""
        return self.replace({"scheduled_at": scheduled_at})

    def with_unique_key(self, unique_key: str) -> Self:
        """Return a spec of which one job at a time may be waiting or running."""
        return self.replace({"unique_key": unique_key})

    def with_timeout(self, timeout: Duration) -> Self:
        """Return a spec whose runs may take this long; 0 for no limit."""
        return self.replace({"timeout": timeout})

    def with_memory_limit(self, memory_limit: int) -> Self:
        """Return a spec whose runs may take this many bytes."""
        return self.replace({"memory_limit": memory_limit})

    def with_meta(self, meta: Mapping[str, Any] | None = None, /, **more: Any) -> Self:
        """Return a spec whose job carries this data of yours; it replaces what was there."""
        return self.replace({"meta": {**(meta or {}), **more}})

    def calling(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Self:
        """Return a spec for the call ``function(*args, **kwargs)``."""
        copy = object.__new__(type(self))
        copy.__dict__.update(self.__dict__, args=args, kwargs=kwargs)
        return copy

    def coming_from(self, origin: Origin) -> Self:
        """Return a spec of a job that the library makes by itself."""
        copy = object.__new__(type(self))
        copy.__dict__.update(self.__dict__, origin=origin)
        copy.__dict__.pop("_frame", None)
        return copy

    def replace(self, changes: Mapping[str, Any]) -> Self:
        """Return a spec with these fields changed and checked."""
        # dataclasses.replace() checks every field anew; specs are made by the ten thousand.
        copy = object.__new__(type(self))
        checked = {}
        for name, value in changes.items():
            if name not in CHECKS:
                raise UnknownOption(name, CHECKS)
            checked[name] = None if value is None else CHECKS[name](value)
        copy.__dict__.update({**self.__dict__, **checked})
        if not changes.keys() <= _CALL:
            copy.__dict__.pop("_frame", None)
        return copy

    @property
    def definition(self) -> Definition:
        """Return the job function's definition, or raise UnknownJob."""
        return resolve(self.func if isinstance(self.func, str) else _name(self.func))

    @property
    def is_unique(self) -> bool:
        """Return whether a unique key is given, here or by the function's declaration."""
        return self.unique_key is not None or self.definition.unique_key is not None

    def prepare(self) -> NewJob:
        """Return the job checked against the function's signature and encoded.

        Raise UnknownJob, TypeError naming the parameter, or NotStorable with a path.
        """
        frame = self.settle()
        definition, key = frame.definition, frame.unique_key
        args = self.args
        kwargs = definition.kwargs if self.kwargs is None else self.kwargs
        definition.check_call(args, kwargs)
        unique_key = self._key(key, definition, kwargs) if callable(key) else key
        remembered = None
        if definition.name in awaited():
            remembered = True
            args, kwargs = definition.remembered(args, kwargs)
        return NewJob(
            frame.queue,
            definition.name,
            encoding.encode_args(args, definition.positional) if args else None,
            encoding.encode_kwargs(kwargs) if kwargs else None,
            frame.priority,
            frame.max_attempts,
            unique_key,
            frame.timeout,
            frame.memory_limit,
            frame.meta,
            frame.lane,
            frame.units,
            remembered,
            *self.origin,
            frame.scheduled_at,
        )

    def settle(self) -> Frame:
        """Work out, once, everything about the job but its arguments; raise UnknownJob.

        Specs made from this one by other arguments share it: they are made by the ten thousand.
        """
        settled: Frame | None = self.__dict__.get("_frame")
        if settled is not None:
            return settled
        definition = self.definition
        timeout = definition.timeout if self.timeout is None else self.timeout
        memory_limit = definition.memory_limit if self.memory_limit is None else self.memory_limit
        if memory_limit is not None:
            refuse_memory_limit(definition.executor, definition.name)
        self.__dict__["_frame"] = frame = Frame(
            definition,
            self.queue or definition.queue,
            (definition.priority if self.priority is None else self.priority) or None,
            _beyond_one(self.max_attempts or definition.max_attempts),
            definition.unique_key if self.unique_key is None else self.unique_key,
            None if timeout is None else _as_timedelta(timeout),
            memory_limit,
            encoding.encode(dict(self.meta), "meta") if self.meta else None,
            definition.lane or None,
            None if definition.units == 1 else definition.units,
            *self.origin,
            self.scheduled_at,
        )
        return frame

    def _key(
        self, key: Callable[..., str], definition: Definition, kwargs: Mapping[str, Any]
    ) -> str:
        args, named = definition.by_name(self.args, kwargs)
        return options.check_name(key(*args, **named), "unique_key")

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_frame"}


def _beyond_one(max_attempts: int) -> int | None:
    return None if max_attempts == 1 else max_attempts


def _as_timedelta(value: Duration) -> timedelta:
    return value if isinstance(value, timedelta) else timedelta(seconds=value)


def _name(func: Callable[..., Any]) -> str:
    declared = getattr(func, "job", None)
    return declared.func if isinstance(declared, JobSpec) else import_path(func)  # type: ignore[return-value]
