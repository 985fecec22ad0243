from __future__ import annotations

from datetime import timedelta

import pytest

from django_jobs.durations import LONGEST, seconds
from django_jobs.exceptions import InvalidOption


@pytest.mark.parametrize(
    ("given", "expected"),
    [(0, 0.0), (90, 90.0), (0.25, 0.25), (timedelta(minutes=2), 120.0), (LONGEST, LONGEST)],
)
def test_seconds_and_timedeltas_are_durations(given, expected):
    result = seconds(given, "timeout")

    assert (result, type(result)) == (expected, float)


@pytest.mark.parametrize(
    "given",
    [-1, timedelta(seconds=-1), float("nan"), float("inf"), 10**400, LONGEST * 2, timedelta.max],
    ids=lambda value: str(value)[:20],
)
def test_negative_and_absurd_durations_are_refused(given):
    with pytest.raises(InvalidOption, match="timeout must be between 0 and 100 years"):
        seconds(given, "timeout")


@pytest.mark.parametrize("given", ["60", None, True, [], 1j])
def test_what_is_no_duration_is_refused(given):
    with pytest.raises(InvalidOption, match="timeout must be seconds or a timedelta"):
        seconds(given, "timeout")
