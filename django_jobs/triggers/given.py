"""What may be said in a declaration, each value checked where it is given; or InvalidOption."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Literal, get_args

from django.db.models import Q, Value

from django_jobs import options, registry
from django_jobs.exceptions import InvalidOption, did_you_mean
from django_jobs.specs import JobSpec
from django_jobs.triggers.references import Reference

Event = Literal["insert", "update", "delete"]
EVENTS: tuple[Event, ...] = get_args(Event)
ForEach = Literal["row", "statement"]
FOR_EACH: tuple[ForEach, ...] = get_args(ForEach)
#: PostgreSQL cuts longer names off; an event is put behind it.
MAX_NAME = 63 - len("_insert")


def check_name(name: object) -> str:
    """Return a name that PostgreSQL keeps whole."""
    name = options.check_name(name, "name")
    length = len(name.encode())
    # The braces are for abstract models; % means something to those who run the SQL.
    bare = name.replace("%(app_label)s", "").replace("%(class)s", "")
    if "%" in bare:
        raise InvalidOption(f"name: {name!r} holds a %.")
    if bare == name and length > MAX_NAME:
        raise InvalidOption(
            f"name: {name!r} has {length} bytes, and PostgreSQL has room for {MAX_NAME} and the "
            f"event."
        )
    return name


def job_name(job: object) -> str:
    """Return the name of a job function: migrations keep plain values."""
    if isinstance(job, str):
        return options.check_name(job, "job")
    declared = getattr(job, "job", None)
    if isinstance(declared, JobSpec):
        return str(declared.func)
    if callable(job):
        return registry.import_path(job)
    raise InvalidOption(f"job must be a job function or its name, not {job!r}.")


def word(option: str, value: object, known: tuple[str, ...]) -> str:
    """Return one of a few words."""
    if value not in known:
        raise InvalidOption(
            f"{option} must be {' or '.join(map(repr, known))}, not {value!r}."
            f"{did_you_mean(str(value), known)}"
        )
    return str(value)


def words(option: str, value: object, known: tuple[str, ...]) -> tuple[str, ...]:
    """Return one or more of a few words, in their own order."""
    chosen = (value,) if isinstance(value, str) else names(option, value)
    for one in chosen:
        word(option, one, known)
    return tuple(one for one in known if one in chosen)


def names(option: str, value: object) -> tuple[str, ...]:
    """Return a list of names, at least one."""
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise InvalidOption(f"{option} must be a list of names, not {value!r}.")
    given = tuple(value)
    if not given or not all(isinstance(name, str) for name in given):
        raise InvalidOption(f"{option} must hold names, and at least one, not {value!r}.")
    return given


def check_kwargs(value: object) -> dict[str, str | Value]:
    """Return which parameter gets which field, or which constant."""
    kwargs = options.check_dict(value, "kwargs")
    for name, wanted in kwargs.items():
        if isinstance(wanted, str):
            Reference.read(wanted)
        elif not isinstance(wanted, Value):
            raise InvalidOption(
                f"kwargs: {name!r} gets the name of a field, or Value(…) for a constant, "
                f"not {wanted!r}."
            )
    return kwargs


def condition(option: str, value: object) -> Q | None:
    """Return a condition, None for one that says nothing."""
    if value is not None and not isinstance(value, Q):
        raise InvalidOption(f"{option} must be a Q, not {value!r}.")
    return value or None


def check_due(value: object) -> timedelta | str:
    """Return a delay, or the name of the field that holds the moment."""
    if isinstance(value, str):
        Reference.read(value)
        return value
    if not isinstance(value, timedelta):
        raise InvalidOption(
            f"scheduled_at must be a delay (a timedelta) or the name of a field, not {value!r}."
        )
    checked = options.check_moment(value, "scheduled_at")
    return checked  # type: ignore[return-value]
