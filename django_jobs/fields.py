"""The fields of a spec, and how the value of each is checked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django_jobs import options
from django_jobs.durations import seconds
from django_jobs.exceptions import InvalidOption


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
