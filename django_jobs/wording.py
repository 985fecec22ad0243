"""Times, numbers and lists as people read them."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.utils import timezone

#: Things that a list names before it says how many more there are.
NAMED = 5
#: Characters of an error's first line.
MAX_LINE = 200

_UNITS = (("day", 86_400), ("h", 3_600), ("min", 60), ("s", 1))


def span(duration: timedelta | float) -> str:
    """Return a duration by its two largest units, such as ``2 h 5 min``."""
    seconds = duration.total_seconds() if isinstance(duration, timedelta) else duration
    if seconds < 10:
        return f"{max(seconds, 0):.1f}".removesuffix(".0") + " s"
    left, parts = round(seconds), []
    for unit, size in _UNITS:
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count} {unit}{'s' if unit == 'day' and count > 1 else ''}")
        elif parts:
            break
    return " ".join(parts[:2])


def moment(at: datetime) -> str:
    """Return a time in the current time zone, to the second."""
    local = timezone.localtime(at) if timezone.is_aware(at) else at
    return f"{local:%Y-%m-%d %H:%M:%S %Z}".rstrip()


def counted(count: int, noun: str) -> str:
    """Return a number with its noun, such as ``1 job`` or ``1,000 jobs``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def capped(count: int, limit: int, noun: str) -> str:
    """Return a number with its noun, where counting has ended at ``limit``."""
    return f"{limit:,} {noun}s or more" if count >= limit else counted(count, noun)


def listed(names: Sequence[str], total: int | None = None) -> str:
    """Return the first few names, and how many more there are."""
    more = (len(names) if total is None else total) - len(names[:NAMED])
    return ", ".join(names[:NAMED]) + (f" and {more:,} more" if more > 0 else "")


def ids(keys: Sequence[int]) -> str:
    """Return the first few ids of jobs, and how many more there are."""
    return listed([f"#{key}" for key in keys])


def first_line(text: object) -> str:
    """Return the first line of a text that may be of any length."""
    line = str(text).strip().partition("\n")[0]
    return line if len(line) <= MAX_LINE else f"{line[: MAX_LINE - 1]}…"


def death(code: int | None) -> str:
    """Return how a process ended, by its exit code, as the end of a sentence about it."""
    if code is None or code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"was killed by {signal.Signals(-code).name}"
    except ValueError:  # one of the signals that have no names
        return f"was killed by signal {-code}"
