"""Arguments written as text, as on a command line, and the values that their parameters take."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.utils import timezone
from django.utils.dateparse import parse_duration

from django_jobs.choices import ALL, Choices
from django_jobs.exceptions import InvalidArgument, InvalidOption
from django_jobs.parameters import Parameter

_BOOLEANS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_NOTHING = ("None", "null")


def _boolean(text: str) -> bool:
    try:
        return _BOOLEANS[text.lower()]
    except KeyError:
        raise ValueError from None


def _datetime(text: str) -> datetime:
    value = datetime.fromisoformat(text)
    return timezone.make_aware(value) if timezone.is_naive(value) else value


def _timedelta(text: str) -> timedelta:
    value = parse_duration(text)
    if value is None:
        raise ValueError
    return value


#: How the types that stand in a signature are read, and what text of each looks like.
_READERS: dict[str, tuple[Callable[[str], Any], str]] = {
    "int": (int, "a whole number"),
    "float": (float, "a number"),
    "bool": (_boolean, "true or false"),
    "date": (date.fromisoformat, "a date such as 2026-11-22"),
    "datetime": (_datetime, "a time such as 2026-11-22T08:00"),
    "time": (time.fromisoformat, "a time of the day such as 08:00"),
    "timedelta": (_timedelta, "a duration such as 01:30:00 or 90"),
    "Decimal": (Decimal, "a decimal number"),
    "UUID": (UUID, "a UUID"),
}


def value_of(function: str, parameter: Parameter, text: str) -> Any:
    """Return the value that ``text`` stands for, or raise InvalidOption, or InvalidArgument."""
    if parameter.choices is not None:
        return _choice(function, parameter.name, parameter.choices, text)
    kinds = [kind.strip() for kind in parameter.type.split("|")] if parameter.type else []
    if "None" in kinds and text in _NOTHING:
        return None
    kinds = [kind for kind in kinds if kind != "None"]
    for kind in kinds:
        reader, _ = _READERS.get(kind, (None, ""))
        if reader is not None:
            try:
                return reader(text)
            except (ValueError, ArithmeticError):
                continue
        elif kind == "str":
            return text
        else:
            return guessed(text)
    if not kinds:
        return guessed(text)
    looks = " or ".join(_READERS[kind][1] for kind in kinds)
    raise InvalidOption(f"{function}: {parameter.name} must be {looks}, not {text!r}.")


def guessed(text: str) -> Any:
    """Return the value of JSON, and of anything else the text itself."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _choice(function: str, name: str, choices: Choices, text: str) -> Any:
    if choices.may_be_all and text == ALL:
        return ALL
    for value in choices.values:
        if text == str(value) or (value is None and text in _NOTHING):
            return value
        if isinstance(value, bool) and text.lower() == str(value).lower():
            return value
    raise InvalidArgument(function, name, text, choices.values, covers=ALL)
