"""How many jobs may start in a while."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import NamedTuple, Self

from django_jobs.durations import LONGEST, seconds
from django_jobs.exceptions import InvalidOption

_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_TEXT = re.compile(r"(\d+)\s*/\s*(\d*)\s*([smhd])")
_MOST = 2**31 - 1


class Rate(NamedTuple):
    """At most ``limit`` starts in ``per`` seconds.

    Without ``burst`` time is cut into windows of that length, from midnight UTC of 1970 on, and
    each has its ``limit``. With it starts are spread: a bucket holds ``burst`` of them, and gets
    ``limit`` new ones in ``per`` seconds, evenly.
    """

    limit: int
    #: Seconds.
    per: float
    burst: int | None = None

    @classmethod
    def of(cls, limit: int, *, per: float | timedelta = 1.0, burst: int | None = None) -> Self:
        """Return a checked rate; ``per`` is seconds or a timedelta. Raise InvalidOption."""
        for name, value in (("limit", limit), ("burst", burst)):
            if name == "burst" and value is None:
                continue
            if type(value) is not int or not 1 <= value <= _MOST:
                raise InvalidOption(
                    f"A rate's {name} must be a whole number from 1 on, not {value!r}."
                )
        length = seconds(per, "A rate's per")
        if not 0.001 <= length <= LONGEST:
            raise InvalidOption(f"A rate's per must be a millisecond at least, not {per!r}.")
        return cls(limit, length, burst)

    def __str__(self) -> str:
        for unit, size in reversed(_UNITS.items()):
            count = self.per / size
            if count >= 1 and count == int(count):
                text = f"{self.limit}/{'' if count == 1 else int(count)}{unit}"
                break
        else:
            text = f"{self.limit}/{self.per:g}s"
        return text if self.burst is None else f"{text}, {self.burst} at once"

    # What is kept of a rate is two numbers: its level, and since when it holds. The level says how
    # much is used up. In a window it falls to nothing at the end; in a bucket it drains.

    def level(self, level: float, since: float, now: float) -> float:
        """Return how much of the rate is used up now, in starts."""
        if self.burst is None:
            return level if self._window(since) >= self._window(now) else 0.0
        drained = max(0.0, now - since) * self.limit / self.per
        return max(0.0, level - drained)

    def permits(self, level: float) -> int:
        """Return how many more may start now."""
        capacity = self.limit if self.burst is None else self.burst
        # A bucket that is full again but for the rounding of a sum is full.
        return max(0, int(capacity - level + 1e-6))

    def opens(self, level: float, now: float) -> float:
        """Return when the next one may start, in the seconds that ``now`` is told in."""
        if self.permits(level):
            return now
        if self.burst is None:
            return (self._window(now) + 1) * self.per
        return now + (level + 1 - self.burst) * self.per / self.limit

    def ends(self, level: float, now: float) -> float:
        """Return when nothing of it will be used up, if no more start."""
        if self.burst is None:
            return (self._window(now) + 1) * self.per
        return now + level * self.per / self.limit

    def _window(self, at: float) -> int:
        return int(at // self.per)


def check_rate(value: object, option: str) -> Rate:
    """Return a rate that is given as one, or as text such as ``100/m`` or ``5/10s``."""
    if isinstance(value, Rate):
        return Rate.of(value.limit, per=value.per, burst=value.burst)
    if isinstance(value, str) and (match := _TEXT.fullmatch(value.strip())):
        limit, count, unit = match.groups()
        return Rate.of(int(limit), per=float(int(count or 1) * _UNITS[unit]))
    raise InvalidOption(
        f"{option} must be a number of starts in a time, such as '100/m', '5/10s' or "
        f"Rate.of(10, per=1, burst=20), not {value!r}. The units are s, m, h and d."
    )
