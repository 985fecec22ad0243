"""What may be said about a job, each value checked where it is given."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from typing import Any

from django.db.models import Model

from django_jobs.durations import LONGEST
from django_jobs.exceptions import InvalidOption

#: What PostgreSQL's integer and smallint hold.
INTEGER_MAX = 2**31 - 1
_SMALLINT_MAX = 2**15 - 1
#: The longest name of a queue, a job function or a unique key, in characters.
MAX_NAME = 255

UniqueKey = str | Callable[..., str]
Timeout = float | timedelta


class Priority(IntEnum):
    """Three common priorities. Any other integer will do; higher runs first."""

    LOW = -10
    MEDIUM = 0
    HIGH = 10


def check_name(value: object, option: str) -> str:
    """Return ``value`` if it can name a queue, a job or a key, or raise InvalidOption."""
    if not isinstance(value, str):
        raise InvalidOption(f"{option} must be text, not {value!r}.")
    if not value or len(value) > MAX_NAME or not value.isprintable():
        raise InvalidOption(
            f"{option} must be 1 to {MAX_NAME} printable characters, not {value[:300]!r}."
        )
    return str(value)


def check_queue(value: object) -> str:
    """Return the name of a queue, given as that or as its row, or raise InvalidOption."""
    # Not by the class: models are a floor above.
    if isinstance(value, Model) and value._meta.label == "django_jobs.Queue":
        value = str(value)
    return check_name(value, "queue")


def check_priority(value: object, option: str = "priority") -> int:
    """Return ``value`` if it is a 32-bit integer, or raise InvalidOption."""
    # Not "in range(...)": that walks the range for an IntEnum such as Priority.
    if (
        isinstance(value, bool)
        or not isinstance(value, int)
        or not -INTEGER_MAX <= value <= INTEGER_MAX
    ):
        raise InvalidOption(f"{option} must be an integer of 32 bits, not {value!r}.")
    return int(value)


def check_max_attempts(value: object) -> int:
    """Return ``value`` if a job may run that many times, or raise InvalidOption."""
    if type(value) is not int or not 1 <= value <= _SMALLINT_MAX:
        raise InvalidOption(f"max_attempts must be from 1 to {_SMALLINT_MAX}, not {value!r}.")
    return value


def check_retries(value: object) -> int:
    """Return the total number of runs that ``retries`` extra ones make."""
    if type(value) is not int or not 0 <= value < _SMALLINT_MAX:
        raise InvalidOption(f"retries must be from 0 to {_SMALLINT_MAX - 1}, not {value!r}.")
    return value + 1


def check_moment(value: object, option: str) -> datetime | timedelta:
    """Return an aware datetime or a delay from now as it is, or raise InvalidOption."""
    if not isinstance(value, datetime | timedelta):
        raise InvalidOption(f"{option} must be a datetime or a timedelta, not {value!r}.")
    if isinstance(value, datetime) and value.utcoffset() is None:
        raise InvalidOption(
            f"{option} must know its time zone, and {value!r} does not: use "
            f"django.utils.timezone.now() or make_aware()."
        )
    # Beyond what Python can turn into its own types, a row could not even be read any more.
    distance = value if isinstance(value, timedelta) else value - datetime.now(UTC)
    if abs(distance.total_seconds()) > LONGEST or (distance is value and value < timedelta()):
        raise InvalidOption(f"{option} must be within 100 years from now, not {value!r}.")
    return value


def check_timeout(value: object) -> float:
    """Return a limit in seconds; 0 stands for no limit."""
    if isinstance(value, timedelta):
        value = value.total_seconds()
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidOption(f"timeout must be seconds or a timedelta, not {value!r}.")
    if not 0 <= value <= LONGEST:
        raise InvalidOption(f"timeout must be from 0 (no limit) to 100 years, not {value!r}.")
    return float(value)


def check_count(value: object, option: str, least: int = 1) -> int:
    """Return ``value`` if it is a whole number from ``least`` on, or raise InvalidOption."""
    if type(value) is not int or not least <= value <= INTEGER_MAX:
        raise InvalidOption(f"{option} must be a whole number from {least} on, not {value!r}.")
    return value


def check_tags(value: object, option: str) -> tuple[str, ...]:
    """Return patterns of tags as a tuple, or raise InvalidOption naming the one that is wrong."""
    if isinstance(value, str) or not isinstance(value, list | tuple | set | frozenset):
        raise InvalidOption(f"{option} must be a list of texts, not {value!r}.")
    for tag in value:
        try:
            re.compile(check_name(tag, option))
        except re.error as error:
            raise InvalidOption(f"{option}: {tag!r} is no regular expression: {error}.") from None
    return tuple(value)


def check_flag(value: object, option: str) -> bool:
    """Return ``value`` if it is True or False, or raise InvalidOption."""
    if not isinstance(value, bool):
        raise InvalidOption(f"{option} must be True or False, not {value!r}.")
    return value


def check_write_all(value: object) -> tuple[str, ...] | bool:
    """Return True, or names of parameters: of a list, or of text with commas between them."""
    if isinstance(value, bool):
        return value or ()
    names = value.split(",") if isinstance(value, str) else value
    if not isinstance(names, list | tuple | set | frozenset) or not all(
        isinstance(name, str) and name.strip() for name in names
    ):
        raise InvalidOption(
            f"write_all must be names of parameters, or True for all that list their values, not "
            f"{value!r}."
        )
    return tuple(dict.fromkeys(name.strip() for name in names))


def check_aliases(value: object) -> tuple[str, ...]:
    """Return one former name of a job function, or several, as a tuple, or raise InvalidOption."""
    given = [value] if isinstance(value, str) else value
    if not isinstance(given, list | tuple | set | frozenset):
        raise InvalidOption(
            f"aliases must be a list of the names that the function had before, not {value!r}."
        )
    return tuple(dict.fromkeys(check_name(name, "aliases") for name in given))


def check_dict(value: object, option: str) -> dict[str, Any]:
    """Return a copy of a dict with text keys, or raise InvalidOption."""
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise InvalidOption(f"{option} must be a dict with text keys, not {value!r}.")
    return dict(value)


def check_exceptions(value: object, option: str) -> tuple[type[BaseException], ...]:
    """Return one exception type or several as a tuple, or raise InvalidOption."""
    types = tuple(value) if isinstance(value, list | tuple | set) else (value,)
    for kind in types:
        if not (isinstance(kind, type) and issubclass(kind, BaseException)):
            raise InvalidOption(f"{option} takes exception types, not {kind!r}.")
    return types
