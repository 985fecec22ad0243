from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from types import MappingProxyType

import pytest
from django.core.exceptions import ValidationError

from django_jobs import Priority, options
from django_jobs.exceptions import InvalidOption, JobsError
from django_jobs.models import Queue, Worker

EAST, WEST = timezone(timedelta(hours=5)), timezone(timedelta(hours=-5))


def brief(value):
    """Name a test after the beginning of its value."""
    return str(value)[:20]


class TestNames:
    @pytest.mark.parametrize("name", ["default", "a b", "é", "x" * 255, "\U0001f600"])
    def test_printable_text_is_a_name(self, name):
        assert options.check_name(name, "queue") == name

    @pytest.mark.parametrize("name", ["", "x" * 256, "a\x00", "a\n", "\ud800", "\x7f"])
    def test_what_cannot_be_stored_or_shown_is_no_name(self, name):
        with pytest.raises(InvalidOption, match="queue must be 1 to 255 printable characters"):
            options.check_name(name, "queue")

    @pytest.mark.parametrize("name", [None, 1, b"default", ["a"]])
    def test_only_text_is_a_name(self, name):
        with pytest.raises(InvalidOption, match="queue must be text"):
            options.check_name(name, "queue")


class TestQueues:
    def test_a_queue_is_given_by_its_name_or_as_its_row(self):
        assert options.check_queue("mail") == options.check_queue(Queue(name="mail")) == "mail"

    @pytest.mark.parametrize("queue", [None, 1, Worker(hostname="mail"), Path("mail")])
    def test_nothing_else_is_a_queue(self, queue):
        with pytest.raises(InvalidOption, match="queue must be text"):
            options.check_queue(queue)


class TestNumbers:
    @pytest.mark.parametrize("priority", [0, -(2**31) + 1, 2**31 - 1, Priority.HIGH, -10])
    def test_any_integer_of_32_bits_is_a_priority(self, priority):
        checked = options.check_priority(priority)

        assert (checked, type(checked)) == (priority, int)

    @pytest.mark.parametrize(
        "priority", [2**31, -(2**31) - 1, 10**400, 1.0, "high", True, None], ids=brief
    )
    def test_anything_else_is_none(self, priority):
        with pytest.raises(InvalidOption, match="priority must be an integer of 32 bits"):
            options.check_priority(priority)

    def test_higher_priorities_have_higher_numbers(self):
        assert [*map(int, Priority)] == [-10, 0, 10]

    @pytest.mark.parametrize("given", [0, -1, 2**15, 10**400, 1.0, "3", True, None], ids=brief)
    def test_absurd_numbers_of_attempts_are_refused(self, given):
        with pytest.raises(InvalidOption, match="max_attempts must be from 1 to 32767"):
            options.check_max_attempts(given)

    @pytest.mark.parametrize("given", [-1, 2**15 - 1, 1.0, True, None])
    def test_absurd_numbers_of_retries_are_refused(self, given):
        with pytest.raises(InvalidOption, match="retries must be from 0 to 32766"):
            options.check_retries(given)

    def test_retries_are_one_less_than_attempts(self):
        assert [options.check_retries(n) for n in (0, 4, 32766)] == [1, 5, 32767]


class TestTimes:
    @pytest.mark.parametrize(
        "due", [datetime(2026, 1, 1, tzinfo=UTC), timedelta(0), timedelta(days=3)]
    )
    def test_aware_datetimes_and_delays_are_moments(self, due):
        assert options.check_moment(due, "scheduled_at") is due

    def test_a_naive_datetime_is_refused_and_the_remedy_named(self):
        with pytest.raises(InvalidOption, match=r"must know its time zone.*make_aware"):
            options.check_moment(datetime(2026, 1, 1), "scheduled_at")  # noqa: DTZ001

    @pytest.mark.parametrize("due", [timedelta(seconds=-1), timedelta.max])
    def test_negative_and_absurd_delays_are_refused(self, due):
        with pytest.raises(InvalidOption, match="scheduled_at must be within 100 years"):
            options.check_moment(due, "scheduled_at")

    @pytest.mark.parametrize(
        "due", [datetime.min.replace(tzinfo=EAST), datetime.max.replace(tzinfo=WEST)]
    )
    def test_absurd_datetimes_are_refused(self, due):
        # In UTC they are outside the range of datetime: the row could never be read again.
        with pytest.raises(InvalidOption, match="scheduled_at must be"):
            options.check_moment(due, "scheduled_at")

    @pytest.mark.parametrize("due", [5, "tomorrow", None, datetime(2026, 1, 1, tzinfo=UTC).date()])
    def test_anything_else_is_no_moment(self, due):
        with pytest.raises(InvalidOption, match="must be a datetime or a timedelta"):
            options.check_moment(due, "scheduled_at")

    @pytest.mark.parametrize(("given", "checked"), [(0, 0), (60, 60), (timedelta(hours=1), 3600)])
    def test_timeouts_are_seconds_and_0_is_none(self, given, checked):
        assert options.check_timeout(given) == checked

    @pytest.mark.parametrize(
        "given",
        [-1, timedelta(seconds=-1), float("inf"), float("nan"), 10**400, "60", True],
        ids=brief,
    )
    def test_negative_and_absurd_timeouts_are_refused(self, given):
        with pytest.raises(InvalidOption, match="timeout must be"):
            options.check_timeout(given)


class TestOthers:
    def test_keyword_arguments_are_copied(self):
        given = {"a": 1}

        checked = options.check_dict(given, "kwargs")
        given["b"] = 2

        assert checked == {"a": 1}
        assert options.check_dict(MappingProxyType({"a": 1}), "kwargs") == {"a": 1}

    @pytest.mark.parametrize("given", [[("a", 1)], {1: 1}, "a", None])
    def test_keyword_arguments_are_a_dict_with_text_keys(self, given):
        with pytest.raises(InvalidOption, match="kwargs must be a dict with text keys"):
            options.check_dict(given, "kwargs")

    @pytest.mark.parametrize(
        "given", [ValueError, (ValueError,), [ValueError], {ValueError}, BaseException]
    )
    def test_exception_types_become_a_tuple(self, given):
        checked = options.check_exceptions(given, "retry_on")

        assert isinstance(checked, tuple)
        assert issubclass(checked[0], BaseException)

    @pytest.mark.parametrize("given", [ValueError(), "ValueError", int, None, (ValueError, 1)])
    def test_anything_else_is_no_exception_type(self, given):
        with pytest.raises(InvalidOption, match="retry_on takes exception types"):
            options.check_exceptions(given, "retry_on")

    @pytest.mark.parametrize(
        ("given", "told"),
        [
            ("gpu", "Tags must be a list of texts, not 'gpu'"),
            ({"gpu": 1}, "Tags must be a list of texts"),
            (["gpu", 3], "Tags must be text, not 3"),
            (["zone=("], r"Tags: 'zone=\(' is no regular expression: .*unterminated"),
        ],
        ids=str,
    )
    def test_the_tags_of_a_queue_are_refused_in_its_form_as_in_the_settings(self, given, told):
        with pytest.raises(InvalidOption, match=told):
            options.check_tags(given, "Tags")
        with pytest.raises(ValidationError, match=told):
            Queue(name="mail", tags=given).clean_fields()

    def test_a_wrong_option_is_a_value_error_of_this_project(self):
        assert issubclass(InvalidOption, ValueError)
        assert issubclass(InvalidOption, JobsError)
