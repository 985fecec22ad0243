"""The fields of a spec, and how the value of each is checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypedDict

from django_jobs import options
from django_jobs.durations import Duration, seconds
from django_jobs.exceptions import InvalidOption

if TYPE_CHECKING:
    from django_jobs.models import Queue


class Fields(TypedDict, total=False):
    """What may be said of a spec beside its function; None is as the function declares it."""

    args: Sequence[Any]
    kwargs: Mapping[str, Any] | None
    queue: str | Queue | None
    priority: int | None
    max_attempts: int | None
    scheduled_at: datetime | timedelta | None
    unique_key: options.UniqueKey | None
    concurrency_key: options.UniqueKey | None
    expires_after: Duration | None
    timeout: Duration | None
    memory_limit: int | None
    meta: Mapping[str, Any] | None


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


def _check_key(option: str) -> Callable[[Any], options.UniqueKey]:
    return lambda value: value if callable(value) else options.check_name(value, option)


def _check_expires_after(value: object) -> float:
    after = seconds(value, "expires_after")
    if not after:
        raise InvalidOption("expires_after must be more than 0 seconds.")
    return after


CHECKS: dict[str, Callable[[Any], Any]] = {
    "func": _check_func,
    "args": _check_args,
    "kwargs": lambda value: options.check_dict(value, "kwargs"),
    "queue": options.check_queue,
    "priority": options.check_priority,
    "max_attempts": options.check_max_attempts,
    "scheduled_at": lambda value: options.check_moment(value, "scheduled_at"),
    "unique_key": _check_key("unique_key"),
    "concurrency_key": _check_key("concurrency_key"),
    "expires_after": _check_expires_after,
    "timeout": options.check_timeout,
    "memory_limit": _check_memory_limit,
    "meta": lambda value: options.check_dict(value, "meta"),
}
