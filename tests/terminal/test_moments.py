"""How times and durations are written on a command line."""

from __future__ import annotations

from argparse import ArgumentTypeError
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from django_jobs.terminal.moments import count, duration, moment, past


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("90", timedelta(seconds=90)),
        ("1.5", timedelta(seconds=1.5)),
        ("15m", timedelta(minutes=15)),
        ("1d12h", timedelta(days=1, hours=12)),
    ],
)
def test_a_duration_is_seconds_or_has_units(text, meant):
    assert duration(text) == meant


@pytest.mark.parametrize(
    ("read", "text", "told"),
    [
        (duration, "soon", "no duration: write seconds, or units"),
        (duration, "-5", "no duration"),
        (duration, "99999999d", "more than 100 years"),
        (moment, "tomorrow", "no time: write 2026-11-22"),
        (moment, "2026-13-45", "no time"),
        (past, "long ago", "or how long ago, as in 2h"),
        (count, "0", "not a number from 1 to 10000"),
        (count, "²", "not a number"),
    ],
)
def test_what_makes_no_sense_is_refused_with_what_would(read, text, told):
    with pytest.raises(ArgumentTypeError, match=told):
        read(text)


def test_a_day_begins_at_midnight_in_the_time_zone_of_the_project():
    assert moment("2026-11-22") == timezone.make_aware(datetime(2026, 11, 22))  # noqa: DTZ001


def test_a_time_with_a_zone_is_in_that_zone():
    assert moment("2026-11-22T08:00+01:00") == datetime(2026, 11, 22, 7, tzinfo=UTC)


def test_the_past_is_a_while_ago_or_a_time():
    before = timezone.now() - timedelta(hours=2)

    assert before <= past("2h") <= timezone.now() - timedelta(hours=2)
    assert past("2026-11-22T08:00Z") == datetime(2026, 11, 22, 8, tzinfo=UTC)
