"""Times, numbers and lists as people read them, in the language that is active."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.formats import number_format
from django.utils.translation import get_language, gettext, ngettext

#: Things that a list names before it says how many more there are.
NAMED = 5
#: Characters of an error's first line.
MAX_LINE = 200

#: Seconds of the units that durations are told in.
_DAY, _HOUR, _MINUTE, _SECOND = 86_400, 3_600, 60, 1


def number(value: float) -> str:
    """Return a number with its thousands marked, such as ``1,000``."""
    if get_language() is None:  # Django has formats of languages only
        return f"{value:,}"
    return str(number_format(value, use_l10n=True, force_grouping=True))


def span(duration: timedelta | float, units: int = 2) -> str:
    """Return a duration by its two largest units, or fewer, such as ``2 h 5 min``."""
    seconds = duration.total_seconds() if isinstance(duration, timedelta) else duration
    if seconds < 10:
        return _amount(round(float(max(seconds, 0)), 1), _SECOND)
    left, parts = round(seconds), []
    for unit in (_DAY, _HOUR, _MINUTE, _SECOND):
        count, left = divmod(left, unit)
        if count:
            parts.append(_amount(count, unit))
        elif parts:
            break
    return " ".join(parts[:units])


def _amount(count: float, unit: int) -> str:
    count = int(count) if count == int(count) else count
    if unit == _DAY:
        text = ngettext("%(count)s day", "%(count)s days", int(count))
    elif unit == _HOUR:
        text = gettext("%(count)s h")
    elif unit == _MINUTE:
        text = gettext("%(count)s min")
    else:
        text = gettext("%(count)s s")
    return text % {"count": number(count)}


def moment(at: datetime) -> str:
    """Return a time in the current time zone, to the second."""
    local = timezone.localtime(at) if timezone.is_aware(at) else at
    return f"{local:%Y-%m-%d %H:%M:%S %Z}".rstrip()


def counted(count: int, noun: str) -> str:
    """Return a number with its noun in English, such as ``1 job`` or ``1,000 jobs``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def capped(count: int, limit: int, noun: str) -> str:
    """Return a number with its noun in English, where counting has ended at ``limit``."""
    return f"{limit:,} {noun}s or more" if count >= limit else counted(count, noun)


def listed(names: Sequence[str], total: int | None = None) -> str:
    """Return the first few names, and how many more there are."""
    first = ", ".join(names[:NAMED])
    more = (len(names) if total is None else total) - len(names[:NAMED])
    if more <= 0:
        return first
    text = ngettext("%(names)s and %(count)s more", "%(names)s and %(count)s more", more)
    return text % {"names": first, "count": number(more)}


def ids(keys: Sequence[int]) -> str:
    """Return the first few ids of jobs, and how many more there are."""
    return listed([f"#{key}" for key in keys])


def quoted(name: str) -> str:
    """Return a name in quotation marks, with what cannot be printed escaped."""
    return gettext("'%(name)s'") % {"name": repr(name)[1:-1]}


def first_line(text: object) -> str:
    """Return the first line of a text that may be of any length."""
    line = str(text).strip().partition("\n")[0]
    return line if len(line) <= MAX_LINE else f"{line[: MAX_LINE - 1]}…"


def death(code: int | None) -> str:
    """Return how a process ended, as the end of a sentence; in English: it is kept, and logged."""
    if code is None or code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"was killed by {signal.Signals(-code).name}"
    except ValueError:  # one of the signals that have no names
        return f"was killed by signal {-code}"
