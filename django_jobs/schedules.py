"""@cron: what makes jobs of a function again and again, by the clock."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, TypeVar, overload

from django.db.models import TextChoices

from django_jobs import options
from django_jobs.crontab import check_cron, zone_of
from django_jobs.decorators import IMPLIED, job
from django_jobs.durations import LONGEST
from django_jobs.encoding import encode_kwargs
from django_jobs.exceptions import InvalidOption, UnknownOption, did_you_mean
from django_jobs.jobfunctions import JobDecorator
from django_jobs.registry import import_path
from django_jobs.scheduling import (
    SHORTEST_INTERVAL,
    Declaration,
    Missed,
    MissedWord,
    Overlap,
    OverlapWord,
    declare,
    declared,
)

C = TypeVar("C", bound=TextChoices)


def check_every(value: object) -> timedelta:
    """Return ``value`` if it is an interval that ticks can keep to, or raise InvalidOption."""
    if not isinstance(value, timedelta):
        raise InvalidOption(f"every must be a timedelta, not {value!r}.")
    if not SHORTEST_INTERVAL <= value.total_seconds() <= LONGEST:
        raise InvalidOption(f"every must be from 1 second to 100 years, not {value!r}.")
    return value


def _zone(value: object) -> str:
    if not isinstance(value, str):
        raise InvalidOption(f"timezone must be a name such as 'Europe/Paris', not {value!r}.")
    zone_of(value)
    return value


def _moment(option: str) -> Callable[[object], datetime]:
    def check(value: object) -> datetime:
        if not isinstance(value, datetime):
            raise InvalidOption(f"{option} must be a datetime, not {value!r}.")
        if value.utcoffset() is None:
            raise InvalidOption(f"{option} must know its time zone, and {value!r} does not.")
        return value

    return check


def _choice(option: str, choices: type[C]) -> Callable[[object], str]:
    def check(value: object) -> str:
        if value not in choices.values:
            raise InvalidOption(
                f"{option} must be one of {', '.join(map(repr, choices.values))}, not {value!r}."
                f"{did_you_mean(str(value), choices.values)}"
            )
        return str(value)

    return check


#: What ``@cron`` takes beside the expression, and how each value is checked.
_DECLARED: dict[str, Callable[[Any], Any]] = {
    "every": check_every,
    "timezone": _zone,
    "name": lambda value: options.check_name(value, "name"),
    "kwargs": lambda value: options.check_dict(value, "kwargs"),
    "start": _moment("start"),
    "end": _moment("end"),
    "missed": _choice("missed", Missed),
    "overlap": _choice("overlap", Overlap),
    "enabled": lambda value: options.check_flag(value, "enabled"),
    "queue": lambda value: options.check_name(value, "queue"),
    "priority": options.check_priority,
}


@overload
def cron(
    expression: str,
    /,
    *,
    timezone: str = ...,
    name: str = ...,
    kwargs: dict[str, Any] = ...,
    start: datetime = ...,
    end: datetime = ...,
    missed: MissedWord = ...,
    overlap: OverlapWord = ...,
    enabled: bool = ...,
    queue: str = ...,
    priority: int = ...,
) -> JobDecorator: ...


@overload
def cron(
    *,
    every: timedelta,
    name: str = ...,
    kwargs: dict[str, Any] = ...,
    start: datetime = ...,
    end: datetime = ...,
    missed: MissedWord = ...,
    overlap: OverlapWord = ...,
    enabled: bool = ...,
    queue: str = ...,
    priority: int = ...,
) -> JobDecorator: ...


def cron(expression: Any = None, /, **declared: Any) -> Any:
    """Declare that a function makes jobs by a cron expression, or ``every`` so often.

    Put it on a job function, above its ``@job`` or below; any other function becomes a job. It may
    be put on one function several times. Raise UnknownOption or InvalidOption naming what is wrong,
    TypeError for arguments that the function does not take, NotStorable for those that no row can
    hold.
    """
    checked = _checked(expression, declared)

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        if not hasattr(function, "job"):
            job(function)
            setattr(function, IMPLIED, True)
        declaration = Declaration(function, **checked)
        if not getattr(function, IMPLIED, False):
            # Else a @job above may still give it arguments; the system check looks at these.
            declaration.spec().prepare()
        _refuse_taken(declaration)
        declare(declaration)
        return function

    return decorate


def _checked(expression: object, given: dict[str, Any]) -> dict[str, Any]:
    for name in given:
        if name not in _DECLARED:
            raise UnknownOption(name, _DECLARED)
    checked = {name: _DECLARED[name](value) for name, value in given.items() if value is not None}
    if (expression is None) == ("every" not in checked):
        raise InvalidOption(
            "@cron takes either an expression, as in @cron('0 3 * * *'), or an interval, as in "
            "@cron(every=timedelta(minutes=5)): give one of them."
        )
    if "every" in checked and "timezone" in checked:
        raise InvalidOption("timezone is for expressions: an interval is the same everywhere.")
    start, end = checked.get("start"), checked.get("end")
    if start is not None and end is not None and end <= start:
        raise InvalidOption(f"end must be after start, and {end} is not after {start}.")
    if checked.get("missed") == Missed.ALL and checked.get("overlap") == Overlap.SKIP:
        raise InvalidOption(
            "missed='all' and overlap='skip' contradict each other: ticks that are made up for "
            "make their jobs at once."
        )
    return {
        "name": None,
        "cron": None if expression is None else check_cron(expression),
        "every": None,
        "timezone": "",
        "start": None,
        "end": None,
        "missed": Missed.ONCE.value,
        "overlap": Overlap.ALLOW.value,
        "enabled": True,
        "queue": None,
        "priority": None,
        **checked,
        "kwargs": encode_kwargs(checked.get("kwargs", {})),
    }


def _refuse_taken(declaration: Declaration) -> None:
    taken = declared().get(declaration.name or "")
    if taken is not None and import_path(taken.func) != import_path(declaration.func):
        raise InvalidOption(
            f"The schedule name {declaration.name!r} is taken by {import_path(taken.func)}; "
            f"{import_path(declaration.func)} needs another."
        )
