"""Axes: round numbers up to what is drawn, and durations as people read them."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil, floor, log10

from django.utils.formats import number_format
from django.utils.translation import gettext as _

from django_jobs import wording

#: Lines across a chart, at most.
LINES = 4
_ROUND = (1, 2, 5, 10)
#: Seconds between two lines of an axis of times, where that is a second or more.
_TIMES = (
    1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 14_400, 21_600, 43_200,
    86_400, 172_800, 604_800,
)  # fmt: skip

#: Puts a value into words.
Words = Callable[[float], str]


def whole(top: float) -> list[float]:
    """Return where to draw lines for numbers of things up to ``top``."""
    return _lines(max(1.0, _round(top / LINES)), top)


def times(top: float) -> list[float]:
    """Return where to draw lines for durations in seconds up to ``top``."""
    wanted = top / LINES
    if wanted <= 1:
        return _lines(_round(max(wanted, 0.001)), top)
    return _lines(next((one for one in _TIMES if one >= wanted), _round(wanted)), top)


def number(value: float) -> str:
    """Return a number of things."""
    if value == int(value):
        return wording.number(int(value))
    return str(number_format(value, decimal_pos=1, force_grouping=True))


def duration(seconds: float) -> str:
    """Return a duration in one unit, or two."""
    if 0 < seconds < 1:
        return _("%(count)s ms") % {"count": number(round(seconds * 1000))}
    if seconds < 60:
        shown = round(seconds, 1) if seconds < 10 else round(seconds)
        return _("%(count)s s") % {"count": number(shown)}
    whole_seconds = round(seconds)
    size, part, both, one = next(unit for unit in _units() if whole_seconds >= unit[0])
    first, rest = divmod(whole_seconds, size)
    second = rest // part
    if second:
        return both % {"a": number(first), "b": second}
    return one % {"a": number(first)}


def level(seconds: float) -> str:
    """Return a duration in one unit, as there is room for at an axis."""
    if seconds < 60:
        return duration(seconds)
    size, _part, _both, one = next(unit for unit in _units() if seconds >= unit[0])
    return one % {"a": number(round(seconds / size, 1))}


def _units() -> tuple[tuple[int, int, str, str], ...]:
    """Return what is told from so many seconds on: the second unit, both, and one alone."""
    return (
        (86_400, 3_600, _("%(a)s d %(b)s h"), _("%(a)s d")),
        (3_600, 60, _("%(a)s h %(b)s min"), _("%(a)s h")),
        (60, 1, _("%(a)s min %(b)s s"), _("%(a)s min")),
    )


def _round(value: float) -> float:
    """Return the next round number: 1, 2 or 5, and a power of ten."""
    power = float(10 ** floor(log10(value))) if value > 0 else 1.0
    return next(one * power for one in _ROUND if value <= one * power * 1.000001)


def _lines(step: float, top: float) -> list[float]:
    return [step * place for place in range(max(ceil(top / step - 1e-9), 1) + 1)]
