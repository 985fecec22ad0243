"""Cron expressions: how they are read, and which moments they mean in a time zone.

Clocks are set forward and back, and there an expression has to say what it means. As in Vixie's
cron it is one of two things. One that begins neither its minutes nor its hours with ``*`` names
*times of the day*: each comes once a day, a time that is left out comes at the end of the gap, and
a time that comes twice counts the first time. All others name *what the clock shows*: every moment
at which it does, and so none in a gap, and twice as many where an hour is repeated.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from cronsim import CronSim, CronSimError

from django_jobs.exceptions import InvalidOption, did_you_mean
from django_jobs.options import MAX_NAME

NICKNAMES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}

_SECOND = timedelta(seconds=1)
_DAY = timedelta(days=1)
#: From where it is looked whether an expression ever comes true: no year is special.
_ANY_TIME = datetime(2000, 1, 1)  # noqa: DTZ001 - what a clock shows


class Crontab:
    """An expression that has been read."""

    def __init__(self, text: object) -> None:
        expression = _expression(text)
        try:
            self._matches = CronSim(expression, _ANY_TIME)
        except (CronSimError, ValueError, AssertionError, LookupError) as error:
            raise InvalidOption(
                f"cron: {text!r} cannot be read: {error}. It takes minute, hour, day of the month, "
                f"month and day of the week, with seconds before them if you like, or one of "
                f"{', '.join(NICKNAMES)}."
            ) from None
        _, minutes, hours, *_ = self._matches.parts
        self._names_times = not minutes.startswith("*") and not hours.startswith("*")

    @property
    def words(self) -> str:
        """Return what it means, in words."""
        return self._matches.explain()

    @property
    def ever_comes(self) -> bool:
        """Return whether there is any such moment."""
        return self._match(_ANY_TIME) is not None

    def after(self, moment: datetime, zone: ZoneInfo) -> datetime | None:
        """Return the first moment after ``moment`` that it means in a zone, in UTC; or None."""
        moment = moment.astimezone(UTC)
        return (self._time_after if self._names_times else self._shown_after)(moment, zone)

    def _match(self, local: datetime) -> datetime | None:
        """Return what a clock shows at the first match after it showed ``local``."""
        search = copy(self._matches)
        search.dt = local.replace(microsecond=0)
        try:
            return next(search)
        except (StopIteration, OverflowError):
            return None

    def _time_after(self, moment: datetime, zone: ZoneInfo) -> datetime | None:
        local = moment.astimezone(zone).replace(tzinfo=None, fold=0)
        while (match := self._match(local)) is not None:
            found = _at(match, zone)
            if found > moment:
                return found
            local = match  # a time that came already: at the first end of the repeated hour
        return None

    def _shown_after(self, moment: datetime, zone: ZoneInfo) -> datetime | None:
        # Between two settings of the clock it runs evenly: match by match, from one to the next.
        while True:
            offset = _offset(moment, zone)
            match = self._match((moment + offset).replace(tzinfo=None))
            if match is None:
                return None
            found = match.replace(tzinfo=UTC) - offset
            change = _first_change(moment, found, zone)
            if change is None:
                return found
            shown = (change + _offset(change, zone)).replace(tzinfo=None)
            if self._match(shown - _SECOND) == shown:
                return change
            moment = change


@lru_cache(maxsize=2048)
def parse(text: object) -> Crontab:
    """Return an expression read, or raise InvalidOption saying what is wrong with it."""
    return Crontab(text)


def check_cron(text: object) -> str:
    """Return an expression if it can be read and ever comes, or raise InvalidOption."""
    if not parse(text).ever_comes:
        raise InvalidOption(f"cron: {text!r} never comes: there is no such day.")
    return str(text)


@lru_cache(maxsize=1024)
def zone_of(name: str) -> ZoneInfo:
    """Return the time zone of that name, or raise InvalidOption naming the nearest."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InvalidOption(
            f"timezone: {name!r} is no time zone that this machine knows."
            f"{did_you_mean(name, available_timezones())}"
        ) from None


def _expression(text: object) -> str:
    if not isinstance(text, str):
        raise InvalidOption(f"cron must be text such as '*/5 * * * *', not {text!r}.")
    if len(text) > MAX_NAME:
        raise InvalidOption(f"cron must be at most {MAX_NAME} characters long.")
    named = text.strip().lower()
    if named.startswith("@"):
        if named not in NICKNAMES:
            raise InvalidOption(
                f"cron: there is no {text!r}.{did_you_mean(named, NICKNAMES)} "
                f"There are: {', '.join(NICKNAMES)}."
            )
        return NICKNAMES[named]
    return text


def _offset(moment: datetime, zone: ZoneInfo) -> timedelta:
    offset = moment.astimezone(zone).utcoffset()
    return timedelta() if offset is None else offset


def _at(local: datetime, zone: ZoneInfo) -> datetime:
    """Return when a clock first shows ``local``; the end of the gap where it never does."""
    found = local.replace(tzinfo=zone).astimezone(UTC)
    shown = found.astimezone(zone).replace(tzinfo=None, fold=0)
    if shown == local:
        return found
    # In a gap: by the offset before it, ``found`` is as far behind its end as ``local`` is.
    change = _first_change(found - (shown - local) * 2, found, zone)
    return found if change is None else change


def _first_change(since: datetime, until: datetime, zone: ZoneInfo) -> datetime | None:
    """Return the first moment after ``since``, up to ``until``, at which the clock was set."""
    for begin, end in _days(since, until):
        offset = _offset(begin, zone)
        if _offset(end, zone) != offset:
            return _bisected(begin, end, offset, zone)
    return None


def _days(since: datetime, until: datetime) -> Iterator[tuple[datetime, datetime]]:
    while since < until:
        end = min(since + _DAY, until)
        yield since, end
        since = end


def _bisected(begin: datetime, end: datetime, offset: timedelta, zone: ZoneInfo) -> datetime:
    # Clocks are set at whole seconds.
    first = int(begin.timestamp())
    last = -int(-end.timestamp() // 1)
    while last - first > 1:
        middle = (first + last) // 2
        if _offset(datetime.fromtimestamp(middle, UTC), zone) == offset:
            first = middle
        else:
            last = middle
    return datetime.fromtimestamp(last, UTC)
