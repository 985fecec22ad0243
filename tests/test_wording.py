"""Times, numbers and lists as people read them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import translation

from django_jobs import wording


@pytest.mark.parametrize(
    ("duration", "text"),
    [
        (-3, "0 s"),
        (0.04, "0 s"),
        (0.4, "0.4 s"),
        (5.0, "5 s"),
        (9.99, "10 s"),
        (59.6, "1 min"),
        (63, "1 min 3 s"),
        (3_600, "1 h"),
        (3_605, "1 h"),
        (timedelta(hours=2, minutes=5), "2 h 5 min"),
        (timedelta(days=1, seconds=7), "1 day"),
        (timedelta(days=3, hours=2, minutes=9), "3 days 2 h"),
    ],
)
def test_a_span_has_its_two_largest_units(duration, text):
    assert wording.span(duration) == text


def test_of_a_span_the_largest_unit_alone_may_be_asked_for():
    assert wording.span(3_725, units=1) == "1 h"
    assert wording.span(5, units=1) == "5 s"


@pytest.mark.parametrize(
    ("language", "days", "tenths", "thousand", "more", "name"),
    [
        ("en", "3 days 2 h", "0.4 s", "1,000", "#1, #2, #3, #4, #5 and 2 more", "'a'"),
        (None, "3 days 2 h", "0.4 s", "1,000", "#1, #2, #3, #4, #5 and 2 more", "'a'"),
        ("de", "3 d 2 h", "0,4 s", "1.000", "#1, #2, #3, #4, #5 und 2 weitere", "„a“"),
        ("fr", "3 jours 2 h", "0,4 s", "1\xa0000", "#1, #2, #3, #4, #5 et 2 autres", "«\xa0a\xa0»"),
    ],
)
def test_each_language_has_words_of_its_own(language, days, tenths, thousand, more, name):
    with translation.override(language):
        assert wording.span(timedelta(days=3, hours=2)) == days
        assert wording.span(0.4) == tenths
        assert wording.number(1_000) == thousand
        assert wording.ids(range(1, 8)) == more
        assert wording.quoted("a") == name


def test_what_is_kept_and_logged_stays_in_english():
    with translation.override("de"):
        assert wording.counted(1_000, "job") == "1,000 jobs"
        assert wording.death(-9) == "was killed by SIGKILL"


def test_a_quoted_name_shows_what_cannot_be_printed():
    assert wording.quoted("a\x1b[2J'") == "'a\\x1b[2J''"


def test_a_moment_is_told_in_the_current_time_zone():
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

    assert wording.moment(at) == "2026-01-02 04:04:05 CET"
    assert wording.moment(at.replace(tzinfo=None)) == "2026-01-02 03:04:05"


def test_numbers_go_with_their_nouns():
    assert [wording.counted(n, "job") for n in (0, 1, 2_000)] == ["0 jobs", "1 job", "2,000 jobs"]
    assert wording.capped(999, 1_000, "job") == "999 jobs"
    assert wording.capped(1_000, 1_000, "job") == "1,000 jobs or more"


def test_a_long_list_says_how_many_more_there_are():
    assert wording.ids([1, 2]) == "#1, #2"
    assert wording.ids(range(1, 8)) == "#1, #2, #3, #4, #5 and 2 more"


def test_a_first_line_is_short():
    assert wording.first_line("  one\ntwo") == "one"
    assert len(wording.first_line("x" * 5_000)) == wording.MAX_LINE


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (0, "ended with exit code 0"),
        (7, "ended with exit code 7"),
        (-9, "was killed by SIGKILL"),
        (-40, "was killed by signal 40"),
        (None, "ended with exit code None"),
    ],
)
def test_a_death_is_told_by_its_exit_code_also_where_the_signal_has_no_name(code, text):
    assert wording.death(code) == text
