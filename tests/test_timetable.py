"""When the ticks of a schedule come."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_jobs.timetable import Timetable

MADE = datetime(2026, 3, 3, 8, 0, 0, 250, tzinfo=UTC)


def table(cron=None, every=None, **given):
    return Timetable(cron, every, "Europe/Paris", MADE, **given)


class TestIntervals:
    HOURLY = timedelta(hours=1)

    def test_without_a_start_the_first_tick_is_one_interval_after_it_was_made(self):
        assert table(every=self.HOURLY).after(MADE) == MADE + self.HOURLY
        assert table(every=self.HOURLY).after(MADE - timedelta(days=9)) == MADE + self.HOURLY

    def test_with_a_start_the_first_tick_is_there(self):
        start = MADE + timedelta(minutes=7)
        hourly = table(every=self.HOURLY, start=start)
        assert hourly.after(MADE) == start
        assert hourly.after(start) == start + self.HOURLY

    def test_a_start_in_the_past_says_where_ticks_are(self):
        start = MADE - timedelta(days=1000, minutes=7)
        tick = table(every=self.HOURLY, start=start).after(MADE)
        assert MADE < tick <= MADE + self.HOURLY
        assert (tick - start) % self.HOURLY == timedelta()

    def test_they_are_of_elapsed_time_also_where_the_clock_is_set(self):
        start = datetime(2026, 3, 28, 2, 30, tzinfo=ZoneInfo("Europe/Paris"))
        daily = table(every=timedelta(days=1), start=start)
        found = daily.after(start).astimezone(ZoneInfo("Europe/Paris"))
        assert f"{found:%d %H:%M}" == "29 03:30"

    def test_the_end_of_time_is_an_end(self):
        assert table(every=timedelta(days=30_000 * 365 // 100)).after(
            datetime(9999, 1, 1, tzinfo=UTC)
        ) is None  # fmt: skip


class TestBounds:
    def test_a_start_delays_an_expression(self):
        start = datetime(2026, 3, 10, 3, tzinfo=ZoneInfo("Europe/Paris"))
        daily = table("0 3 * * *", start=start)
        assert daily.after(MADE) == start
        assert daily.after(start) == start + timedelta(days=1)

    @pytest.mark.parametrize("microseconds", [0, 1])
    def test_the_end_is_the_last_moment_for_a_tick(self, microseconds):
        end = datetime(2026, 3, 10, 2, tzinfo=UTC) - timedelta(microseconds=microseconds)
        daily = table("0 3 * * *", end=end)
        found = daily.after(datetime(2026, 3, 9, 12, tzinfo=UTC))
        assert found == (None if microseconds else end)


class TestNewest:
    def test_a_hundred_years_of_seconds_cost_nothing(self):
        first, until = MADE, MADE + timedelta(days=36_500)
        found = table(every=timedelta(seconds=1)).newest(first, until, 1)
        assert found == [until]

    @given(
        st.sampled_from(["* * * * *", "*/20 * * * * *", "0 3 * * *", "0 0 29 2 *"]),
        st.timedeltas(timedelta(), timedelta(hours=8)),
        st.sampled_from([1, 3, 1000]),
    )
    def test_it_is_the_end_of_the_list_of_all(self, cron, span, most):
        plan = table(cron)
        first = plan.after(MADE)
        until, ticks = first + span, [first]
        while (tick := plan.after(ticks[-1])) <= until:
            ticks.append(tick)
        assert plan.newest(first, until, most) == ticks[-most:]
