"""Rates: how they are written, and how much of one is used up."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_jobs.exceptions import InvalidOption
from django_jobs.rates import Rate, check_rate


class TestText:
    @pytest.mark.parametrize(
        ("text", "rate"),
        [
            ("100/m", Rate(100, 60.0)),
            ("5/10s", Rate(5, 10.0)),
            ("1 / h", Rate(1, 3600.0)),
            ("7/2d", Rate(7, 172_800.0)),
        ],
    )
    def test_a_rate_is_a_number_in_a_time(self, text, rate):
        assert check_rate(text, "rate_limit") == rate

    @pytest.mark.parametrize(
        "wrong",
        ["", "5", "5/", "/s", "5/w", "-1/s", "0/s", "5/0s", 5, None, "1.5/s", "9" * 20 + "/s"],
    )
    def test_what_is_no_rate_is_refused_with_an_example(self, wrong):
        with pytest.raises(InvalidOption):
            check_rate(wrong, "rate_limit")

    def test_a_rate_may_be_given_as_one(self):
        rate = Rate.of(10, per=timedelta(minutes=1), burst=3)

        assert check_rate(rate, "rate_limit") == Rate(10, 60.0, 3)
        with pytest.raises(InvalidOption, match="burst must be a whole number"):
            check_rate(rate._replace(burst=0), "rate_limit")

    @pytest.mark.parametrize("text", ["100/m", "5/10s", "1/h", "7/2d", "3/90s"])
    def test_it_is_shown_as_it_is_written(self, text):
        assert str(check_rate(text, "rate_limit")) == text

    def test_what_cannot_be_written_is_shown_all_the_same(self):
        assert str(Rate(10, 1.0, 3)) == "10/s, 3 at once"
        assert str(Rate.of(5, per=timedelta(milliseconds=250))) == "5/0.25s"
        assert str(Rate.of(5, per=1.5)) == "5/1.5s"


class TestWindows:
    RATE = Rate(3, 10.0)

    def test_a_window_holds_so_many(self):
        assert [self.RATE.permits(level) for level in (0, 1, 3, 4)] == [3, 2, 0, 0]

    def test_what_was_used_falls_to_nothing_at_the_end_of_the_window(self):
        assert self.RATE.level(3, since=12.0, now=19.9) == 3
        assert self.RATE.level(3, since=12.0, now=20.0) == 0

    def test_the_next_may_start_when_the_next_window_opens(self):
        assert self.RATE.opens(2, now=12.0) == 12.0
        assert self.RATE.opens(3, now=12.0) == 20.0

    def test_a_clock_that_steps_back_opens_no_window_again(self):
        assert self.RATE.level(3, since=20.1, now=19.9) == 3


class TestBuckets:
    RATE = Rate(2, 1.0, burst=5)

    def test_a_full_bucket_holds_its_burst(self):
        assert self.RATE.permits(0.0) == 5

    def test_what_was_used_drains_evenly(self):
        assert self.RATE.level(5, since=10.0, now=11.0) == 3
        assert self.RATE.level(5, since=10.0, now=99.0) == 0

    def test_the_next_may_start_when_there_is_one_again(self):
        assert self.RATE.opens(5.0, now=10.0) == pytest.approx(10.5)
        assert self.RATE.ends(5.0, now=10.0) == pytest.approx(12.5)


@given(
    limit=st.integers(1, 50),
    per=st.floats(0.1, 1000),
    burst=st.none() | st.integers(1, 50),
    steps=st.lists(st.tuples(st.floats(0, 100), st.integers(0, 60)), max_size=60),
)
def test_no_more_start_than_the_rate_allows(limit, per, burst, steps):
    rate = Rate(limit, per, burst)
    now = level = since = 1_000_000.0
    level, starts = 0.0, []
    for wait, wanted in steps:
        now += wait
        level, since = rate.level(level, since, now), now
        count = min(wanted, rate.permits(level))
        if not count:
            opens = rate.opens(level, now)
            assert opens == now or opens > now
        level += count
        starts += [now] * count
    for first in starts:
        if burst is None:
            window = [at for at in starts if at // per == first // per]
            assert len(window) <= limit
        else:
            within = [at for at in starts if first <= at <= first + per]
            assert len(within) <= burst + limit + 1e-3
