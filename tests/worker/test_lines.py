"""Lines: of each the first job may run, and the others come after it."""

from __future__ import annotations

from django_jobs.outcomes import Claimed
from django_jobs.worker.lines import Lines


def claimed(number, line=""):
    return Claimed(number, 1, "tests.samples.send", "[]", "{}", 1, 1, None, 0, line=line)


FIRST, SECOND, THIRD = (claimed(number, "a") for number in (1, 2, 3))
OTHER, ALONE = claimed(4, "b"), claimed(5)


def test_of_each_line_the_first_is_admitted_and_so_is_who_stands_in_none():
    assert Lines().admit([FIRST, SECOND, OTHER, ALONE]) == [FIRST, OTHER, ALONE]


def test_when_one_is_over_the_next_follows_until_nobody_is_left():
    # Given a line of three
    lines = Lines()
    lines.admit([FIRST, SECOND, THIRD])
    # When one after the other is over
    assert [lines.follow(job) for job in (FIRST, SECOND, THIRD)] == [SECOND, THIRD, None]
    # Then the next to come is the first of a new line
    assert lines.admit([claimed(6, "a")]) == [claimed(6, "a")]


def test_who_is_over_twice_calls_nobody_twice():
    lines = Lines()
    lines.admit([FIRST, SECOND, THIRD])
    lines.follow(FIRST)
    assert lines.follow(FIRST) is None


def test_who_comes_while_the_first_runs_stands_behind_it():
    lines = Lines()
    lines.admit([FIRST])
    assert lines.admit([SECOND]) == []
    assert lines.follow(FIRST) == SECOND


def test_some_are_withdrawn_and_the_others_keep_their_order():
    lines = Lines()
    lines.admit([FIRST, SECOND, THIRD, OTHER])
    assert lines.withdraw([SECOND.id, FIRST.id]) == [SECOND]
    assert lines.follow(FIRST) == THIRD


def test_all_that_wait_are_withdrawn_and_the_first_goes_on():
    lines = Lines()
    lines.admit([FIRST, SECOND, THIRD])
    assert lines.withdraw() == [SECOND, THIRD]
    assert lines.follow(FIRST) is None
