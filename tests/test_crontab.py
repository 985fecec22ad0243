"""Cron expressions, and what they mean where clocks are set forward and back."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_jobs.crontab import NICKNAMES, check_cron, parse, zone_of
from django_jobs.exceptions import InvalidOption

FIRST, LAST = 2024, 2028
UTC_ZONE = ZoneInfo("UTC")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def moments(text, zone, since, until):
    """Return all moments that an expression means in a span of time."""
    crontab, zone, found = parse(text), ZoneInfo(zone), []
    moment = crontab.after(since, zone)
    while moment is not None and moment <= until:
        found.append(moment)
        moment = crontab.after(moment, zone)
    return found


def shown(text, zone, day, hours=24):
    """Return what the clock shows, with its offset, at the moments of a day."""
    start = datetime.fromisoformat(day).replace(tzinfo=ZoneInfo(zone))
    found = moments(text, zone, start - timedelta(seconds=1), start + timedelta(hours=hours))
    return [f"{moment.astimezone(ZoneInfo(zone)):%H:%M%z}" for moment in found]


@lru_cache
def changes(name):
    """Return the moments at which the clocks of a zone are set, to the second."""
    zone = ZoneInfo(name)

    def offset(seconds):
        return datetime.fromtimestamp(seconds, zone).utcoffset()

    found = []
    start = int(datetime(FIRST, 1, 1, tzinfo=UTC).timestamp())
    end = int(datetime(LAST + 1, 1, 1, tzinfo=UTC).timestamp())
    for low in range(start, end, 86_400):
        high = low + 86_400
        if offset(low) == offset(high):
            continue
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if offset(middle) == offset(low) else (low, middle)
        found.append(datetime.fromtimestamp(high, UTC))
    return tuple(found)


@lru_cache
def zones():
    """Return one zone of each that set their clocks alike."""
    alike: dict[object, str] = {}
    for name in sorted(available_timezones()):
        zone = ZoneInfo(name)
        key = tuple((at, at.astimezone(zone).utcoffset()) for at in changes(name))
        at = datetime(FIRST, 1, 1, tzinfo=zone).utcoffset()
        alike.setdefault((at, key), name)
    return sorted(alike.values())


class TestReading:
    @pytest.mark.parametrize(("name", "expression"), NICKNAMES.items())
    def test_a_nickname_is_an_expression(self, name, expression):
        since = datetime(2026, 3, 3, tzinfo=UTC)
        zone = ZoneInfo("UTC")
        assert parse(name).after(since, zone) == parse(expression).after(since, zone)

    def test_seconds_may_come_first(self):
        since = datetime(2026, 3, 3, 8, 0, 1, tzinfo=UTC)
        found = parse("*/20 * * * * *").after(since, ZoneInfo("UTC"))
        assert found == since.replace(second=20)

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("* * * *", "Wrong number of fields"),
            ("60 * * * *", "Bad minute"),
            ("* 24 * * *", "Bad hour"),
            ("* * * * MOO", "Bad day-of-week"),
            ("", "Wrong number of fields"),
            ("@dayly", "Did you mean '@daily'"),
            ("0 0 31 2 *", "Bad day-of-month"),
            ("x" * 300, "at most 255"),
            (5, "must be text"),
            (None, "must be text"),
        ],
    )
    def test_what_cannot_be_read_is_refused_with_a_reason(self, text, said):
        with pytest.raises(InvalidOption, match=said):
            parse(text)

    def test_what_never_comes_is_refused(self):
        # The second Monday is never the first of a month.
        for text in ("0 0 */31 * MON#2", "* * */31 * MON#2"):
            with pytest.raises(InvalidOption, match="never comes"):
                check_cron(text)
            assert parse(text).after(datetime(2026, 1, 1, tzinfo=UTC), UTC_ZONE) is None

    @given(st.text(alphabet="0123456789*/-,#LWMONFEB @?\x00é", max_size=30))
    def test_whatever_is_written_is_read_or_refused(self, text):
        try:
            crontab = parse(check_cron(text))
        except InvalidOption:
            return
        since = datetime(2026, 3, 3, tzinfo=UTC)
        found = crontab.after(since, ZoneInfo("Europe/Paris"))
        assert found is not None
        assert found > since

    def test_an_expression_is_told_in_words(self):
        assert parse("*/5 * * * *").words == "Every fifth minute of every hour"

    @pytest.mark.parametrize(
        "name", ["Europe/Pariss", "", "../etc/passwd", "/etc/passwd", "Europe"]
    )
    def test_an_unknown_zone_is_refused(self, name):
        with pytest.raises(InvalidOption, match="no time zone"):
            zone_of(name)

    def test_the_nearest_zone_is_named(self):
        with pytest.raises(InvalidOption, match="Did you mean 'Europe/Paris'"):
            zone_of("Europe/Pariss")


class TestGaps:
    """In Paris the clock goes from 02:00 to 03:00 on 29 March 2026."""

    def test_a_time_that_is_left_out_comes_at_the_end_of_the_gap(self):
        assert shown("30 2 * * *", "Europe/Paris", "2026-03-29") == ["03:00+0200"]

    def test_several_that_are_left_out_come_there_once(self):
        assert shown("0,20,40 2,3 * * *", "Europe/Paris", "2026-03-29") == [
            "03:00+0200", "03:20+0200", "03:40+0200",
        ]  # fmt: skip

    def test_what_the_clock_does_not_show_does_not_come(self):
        assert shown("*/30 1-3 * * *", "Europe/Paris", "2026-03-29") == [
            "01:00+0100", "01:30+0100", "03:00+0200", "03:30+0200",
        ]  # fmt: skip
        assert shown("*/30 2 * * *", "Europe/Paris", "2026-03-29") == []

    def test_a_gap_that_ends_a_day_ends_at_midnight(self):
        # In Nuuk the clock goes from 23:00 to 00:00 in the night to 29 March 2026.
        assert shown("30 23 * * *", "America/Nuuk", "2026-03-28", 26) == ["00:00-0100"]

    def test_midnight_that_is_left_out_comes_at_one(self):
        # In Cairo the clock goes from 00:00 to 01:00 on 24 April 2026.
        assert shown("@daily", "Africa/Cairo", "2026-04-24", 22) == ["01:00+0300"]

    def test_seconds_are_left_out_alike(self):
        assert shown("15 30 2 * * *", "Europe/Paris", "2026-03-29") == ["03:00+0200"]


class TestOverlaps:
    """In Paris the clock goes from 03:00 back to 02:00 on 25 October 2026."""

    def test_a_time_that_comes_twice_counts_the_first_time(self):
        assert shown("30 2 * * *", "Europe/Paris", "2026-10-25") == ["02:30+0200"]

    def test_also_when_it_is_looked_for_in_the_repeated_hour(self):
        zone = ZoneInfo("Europe/Paris")
        second = datetime(2026, 10, 25, 2, 10, fold=1, tzinfo=zone)
        found = parse("30 2 * * *").after(second, zone)
        assert found == datetime(2026, 10, 26, 2, 30, tzinfo=zone)

    def test_what_the_clock_shows_twice_comes_twice(self):
        assert shown("*/30 * * * *", "Europe/Paris", "2026-10-25", 3) == [
            "00:00+0200", "00:30+0200", "01:00+0200", "01:30+0200", "02:00+0200", "02:30+0200",
            "02:00+0100", "02:30+0100", "03:00+0100",
        ]  # fmt: skip

    def test_a_clock_that_is_set_by_half_an_hour_loses_and_repeats_nothing_else(self):
        # On Lord Howe Island it goes from 02:00 back to 01:30 on 5 April 2026.
        assert shown("*/15 1,2 * * *", "Australia/Lord_Howe", "2026-04-05") == [
            "01:00+1100", "01:15+1100", "01:30+1100", "01:45+1100", "01:30+1030", "01:45+1030",
            "02:00+1030", "02:15+1030", "02:30+1030", "02:45+1030",
        ]  # fmt: skip


def day_meant(moment, at, zone):
    """Return the day whose time ``at`` comes at a moment: in a gap that may be the day before."""
    local = moment.astimezone(zone)
    if local.time() == at:
        return local.date()
    before = (moment - timedelta(seconds=1)).astimezone(zone)
    gap = before.replace(tzinfo=None), local.replace(tzinfo=None)
    (day,) = {d for d in (before.date(), local.date()) if gap[0] < datetime.combine(d, at) < gap[1]}
    return day


@pytest.mark.slow
class TestEveryZone:
    """Around each setting of each clock in the world."""

    def test_there_is_something_to_look_at(self):
        assert sum(len(changes(name)) for name in zones()) > 200
        assert "Europe/Paris" in available_timezones()

    def test_a_time_of_the_day_comes_exactly_once_a_day(self):
        for name in zones():
            zone = ZoneInfo(name)
            for change in changes(name):
                for minutes in (0, 1, 29, 30, 59):
                    local = (change + timedelta(minutes=minutes)).astimezone(zone)
                    for hour in {local.hour, (local.hour - 1) % 24, (local.hour + 1) % 24, 0}:
                        text = f"{local.minute} {hour} * * *"
                        found = moments(text, name, change - 3 * DAY, change + 3 * DAY)
                        days = [
                            day_meant(moment, time(hour, local.minute), zone) for moment in found
                        ]
                        assert all(a < b for a, b in pairwise(found))
                        assert all(b - a == DAY for a, b in pairwise(days)), (name, text, change)

    def test_the_days_of_years_have_one_midnight_each(self):
        for name in zones():
            if not changes(name):
                continue
            zone = ZoneInfo(name)
            since = datetime(FIRST, 1, 1, 12, tzinfo=zone)
            until = datetime(FIRST + 2, 1, 1, 12, tzinfo=zone)
            found = [m.astimezone(zone).date() for m in moments("@daily", name, since, until)]
            days = (date(FIRST + 2, 1, 1) - date(FIRST, 1, 1)).days
            assert found == [date(FIRST, 1, 2) + n * DAY for n in range(days)], name

    @pytest.mark.parametrize("text", ["*/15 * * * *", "7 * * * *", "*/20 1-3 * * *", "* 0 * * *"])
    def test_other_expressions_come_whenever_the_clock_shows_them(self, text):
        matches = parse(text)._matches
        for name in zones():
            zone = ZoneInfo(name)
            for change in changes(name):
                since, until = change - 5 * HOUR, change + 5 * HOUR
                minute = (since + timedelta(minutes=1)).replace(second=0)
                expected = []
                while minute <= until:
                    local = minute.astimezone(zone)
                    if local.hour in matches.hours and local.minute in matches.minutes:
                        expected.append(minute)
                    minute += timedelta(minutes=1)
                assert moments(text, name, since, until) == expected, (name, change)


MINUTES = st.sampled_from(["*", "0", "30", "*/7", "5,35", "59", "10-20/5"])
HOURS = st.sampled_from(["*", "0", "1", "2", "1,2,3", "*/6", "23"])
DAYS = st.sampled_from(["*", "1", "29", "*/10", "L"])
WEEKDAYS = st.sampled_from(["*", "0", "MON-FRI", "1#1"])


@given(
    st.tuples(MINUTES, HOURS, DAYS, st.just("*"), WEEKDAYS).map(" ".join),
    st.sampled_from(sorted(available_timezones())),
    st.datetimes(datetime(2024, 1, 1), datetime(2029, 1, 1)),  # noqa: DTZ001
    st.timedeltas(timedelta(), timedelta(days=40)),
)
def test_the_next_moment_is_the_same_from_wherever_before_it_is_looked_for(text, name, at, ahead):
    """It is strictly later, and none is passed over."""
    zone, moment = ZoneInfo(name), at.replace(tzinfo=UTC)
    found = parse(text).after(moment, zone)
    assert found > moment
    between = moment + min(ahead, found - moment - timedelta(microseconds=1))
    assert parse(text).after(between, zone) == found
