"""Durations: the API takes seconds or a timedelta, everything below it takes seconds."""

from __future__ import annotations

from datetime import timedelta

from django_jobs.exceptions import InvalidOption

Duration = float | timedelta

#: The longest duration that is believed, in seconds: a hundred years.
LONGEST = 100 * 365.25 * 86400


def seconds(value: object, option: str) -> float:
    """Return ``value`` in seconds, or raise InvalidOption naming ``option``."""
    if isinstance(value, timedelta):
        value = value.total_seconds()
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidOption(f"{option} must be seconds or a timedelta, not {value!r}.")
    if not 0 <= value <= LONGEST:  # nor NaN
        raise InvalidOption(f"{option} must be between 0 and 100 years, not {value!r} seconds.")
    return float(value)
