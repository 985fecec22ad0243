"""The immutable description of a job to enqueue."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Self, Unpack

import django_jobs
from django_jobs import encoding, options
from django_jobs.capabilities import refuse_memory_limit
from django_jobs.definitions import Definition
from django_jobs.durations import Duration
from django_jobs.exceptions import InvalidOption, UnknownOption
from django_jobs.fields import CHECKS, Fields
from django_jobs.keys import key_for
from django_jobs.prepared import Frame, NewJob, Origin
from django_jobs.registry import awaited, import_path, resolve

if TYPE_CHECKING:
    from django_jobs.flows import Chain, Work
    from django_jobs.models import Queue

#: Frames and those that were made of them for an origin, by the id of the one and the other.
Frames = dict[tuple[int, Origin], tuple[Frame, Frame]]


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
    concurrency_key: options.UniqueKey | None = None
    #: Seconds after its time in which it may begin.
    expires_after: Duration | None = None
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
    def from_func(cls, func: Callable[..., Any], **given: Unpack[Fields]) -> Self:
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

    def with_queue(self, queue: str | Queue) -> Self:
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

    def with_concurrency_key(self, concurrency_key: str) -> Self:
        """Return a spec that shares the limits per key of its function under this key."""
        return self.replace({"concurrency_key": concurrency_key})

    def with_expires_after(self, expires_after: Duration) -> Self:
        """Return a spec that is cancelled unless it begins so soon after its time."""
        return self.replace({"expires_after": expires_after})

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

    def coming_from(self, origin: Origin, frames: Frames | None = None) -> Self:
        """Return a spec of a job that the library makes by itself.

        Specs that share a frame go on sharing one, if all of them are given the same ``frames``.
        """
        copy = object.__new__(type(self))
        copy.__dict__.update(self.__dict__, origin=origin)
        if frames is None:
            copy.__dict__.pop("_frame", None)
            return copy
        own = self.settle()
        if (id(own), origin) not in frames:
            frames[id(own), origin] = own, own._replace(**origin._asdict())
        copy.__dict__["_frame"] = frames[id(own), origin][1]
        return copy

    def __or__(self, following: Work) -> Chain:
        """Return a chain of this job and the one after it."""
        if isinstance(following, JobSpec) or callable(following):
            return django_jobs.chain(self, following)
        return NotImplemented

    def __ror__(self, preceding: Work) -> Chain:
        return django_jobs.chain(preceding, self) if callable(preceding) else NotImplemented

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
        if definition.choices:
            args, kwargs = definition.choose(args, kwargs)
        given, remembered = (args, kwargs), None
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
            key_for(key, "unique_key", definition, *given) if key is not None else None,
            frame.timeout,
            frame.memory_limit,
            frame.meta,
            frame.lane,
            frame.units,
            key_for(frame.concurrency_key, "concurrency_key", definition, *given)
            if frame.concurrency_key is not None
            else None,
            remembered,
            *self.origin,
            frame.expires_after,
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
        expires_after = (
            definition.expires_after if self.expires_after is None else self.expires_after
        )
        if definition.ordered and self.priority not in (None, definition.priority):
            raise InvalidOption(
                f"{definition.name} is ordered: its jobs go one after the other, and so all have "
                f"the priority of its @job, {definition.priority}."
            )
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
            definition.concurrency_key if self.concurrency_key is None else self.concurrency_key,
            *self.origin,
            None if expires_after is None else _as_timedelta(expires_after),
            self.scheduled_at,
        )
        return frame

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_frame"}


def _beyond_one(max_attempts: int) -> int | None:
    return None if max_attempts == 1 else max_attempts


def _as_timedelta(value: Duration) -> timedelta:
    return value if isinstance(value, timedelta) else timedelta(seconds=value)


def _name(func: Callable[..., Any]) -> str:
    declared = getattr(func, "job", None)
    return declared.func if isinstance(declared, JobSpec) else import_path(func)  # type: ignore[return-value]
