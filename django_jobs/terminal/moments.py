"""Times and durations as they are written on a command line."""

from __future__ import annotations

import argparse
import re
from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.dateparse import parse_datetime

from django_jobs.durations import LONGEST

_UNITS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_PART = re.compile(r"(\d+(?:\.\d+)?)([dhms])")
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?[dhms])+")


def duration(text: str) -> timedelta:
    """Return a duration such as ``90`` seconds, ``15m`` or ``1d12h``."""
    if re.fullmatch(r"\d+(\.\d+)?", text):
        total = float(text)
    elif _DURATION.fullmatch(text):
        total = sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))
    else:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no duration: write seconds, or units as in 90s, 15m, 2h or 1d12h"
        )
    if total > LONGEST:
        raise argparse.ArgumentTypeError(f"{text!r} is more than 100 years")
    return timedelta(seconds=total)


def moment(text: str) -> datetime:
    """Return a time such as ``2026-11-22T08:00``, in the project's time zone unless it has one."""
    try:
        value = parse_datetime(text) or parse_datetime(f"{text}T00:00")
    except ValueError:
        value = None
    if value is None:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no time: write 2026-11-22, or 2026-11-22T08:00, or with a zone "
            f"2026-11-22T08:00+01:00"
        )
    return timezone.make_aware(value) if timezone.is_naive(value) else value


def past(text: str) -> datetime:
    """Return a time, which may be told as how long ago it was."""
    try:
        return timezone.now() - duration(text)
    except argparse.ArgumentTypeError:
        pass
    try:
        return moment(text)
    except argparse.ArgumentTypeError as error:
        raise argparse.ArgumentTypeError(f"{error}; or how long ago, as in 2h") from None


def count(text: str) -> int:
    """Return a whole number from 1 on."""
    if not (text.isascii() and text.isdecimal() and 1 <= int(text[:10]) <= 10_000):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to 10000")
    return int(text)
