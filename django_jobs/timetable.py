"""When the ticks of one schedule come: by a cron expression, or every so often."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from django_jobs.crontab import parse, zone_of

#: Between two moments that the database can tell apart.
_MOMENT = timedelta(microseconds=1)
#: What is first looked through, from its end, for the newest of many ticks.
_WINDOW = timedelta(minutes=1)


@dataclass(frozen=True)
class Timetable:
    """Exactly one of ``cron`` and ``every`` is given; all datetimes are aware."""

    cron: str | None
    every: timedelta | None
    #: The name of a time zone.
    zone: str
    #: Where intervals are counted from that have no start: their first tick is one interval later.
    anchor: datetime
    #: No tick comes before; with an interval the first one comes here.
    start: datetime | None = None
    #: No tick comes after.
    end: datetime | None = None

    def after(self, moment: datetime) -> datetime | None:
        """Return the first tick after ``moment``, in UTC; None where no more will come.

        Raise InvalidOption for an expression or a time zone that cannot be used.
        """
        if self.start is not None and moment < self.start:
            moment = self.start - _MOMENT
        try:
            tick = self._by_cron(moment) if self.cron is not None else self._by_interval(moment)
        except OverflowError:
            return None
        return None if tick is None or (self.end is not None and tick > self.end) else tick

    def newest(self, first: datetime, until: datetime, most: int) -> list[datetime]:
        """Return the ticks from ``first``, which is one, up to ``until``: the ``most`` newest.

        At a cost that does not grow with how many there are.
        """
        window = _WINDOW
        while True:
            since = max(until - window, first)
            ticks = [first] if since == first else []
            tick = self.after(since)
            while tick is not None and tick <= until:
                ticks.append(tick)
                tick = self.after(tick)
            if since == first or len(ticks) >= most:
                return ticks[-most:]
            window *= 4

    def _by_cron(self, moment: datetime) -> datetime | None:
        return _after(str(self.cron), self.zone, moment.astimezone(UTC))

    def _by_interval(self, moment: datetime) -> datetime:
        every = self.every or _MOMENT
        anchor = self.anchor if self.start is None else self.start
        passed = (moment - anchor) // every + 1
        # Elapsed time, whatever clocks show: so by UTC.
        return anchor.astimezone(UTC) + max(passed, int(self.start is None)) * every


@lru_cache(maxsize=4096)
def _after(cron: str, zone: str, moment: datetime) -> datetime | None:
    # Many schedules have the same few expressions, and tick at the same moments.
    return parse(cron).after(moment, zone_of(zone))
