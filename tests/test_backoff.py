from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_jobs.backoff import DEFAULT, Exponential, check, delay, takes_error
from django_jobs.exceptions import InvalidOption
from django_jobs.models import Job


def test_the_default_is_the_formula_of_the_design():
    delays = [DEFAULT(n) for n in range(1, 20)]

    assert delays == [max(10, min(5 * 2 ** min(n, 15), 86400)) for n in range(1, 20)]
    assert delays[:4] == [10, 20, 40, 80]
    assert delays[-1] == 86400


@given(st.integers(min_value=0, max_value=2**15))
def test_the_default_never_leaves_its_bounds(attempt):
    assert 10 <= DEFAULT(attempt) <= 86400


def test_its_figures_can_be_chosen():
    assert [Exponential(minimum=1, maximum=9, multiplier=1)(n) for n in (0, 1, 3, 9)] == [
        1,
        2,
        8,
        9,
    ]


@pytest.mark.parametrize("backoff", [30, timedelta(seconds=30), lambda attempt: 30])
def test_seconds_timedeltas_and_callables_are_backoffs(backoff):
    assert delay(check(backoff), 3) == 30


def test_a_callable_gets_the_number_of_failures():
    assert delay(lambda attempt: timedelta(minutes=attempt), 3) == 180


@pytest.mark.parametrize("backoff", [-1, "soon", float("nan"), timedelta(days=-1)])
def test_what_is_no_backoff_is_refused(backoff):
    with pytest.raises(InvalidOption, match="backoff must be"):
        check(backoff)


@pytest.mark.parametrize(
    "policy", [lambda n: 1 / 0, lambda n: None, lambda n: -5, lambda n: float("inf"), lambda: 1]
)
def test_a_policy_that_fails_is_replaced_by_the_default(policy):
    assert delay(policy, 3) == DEFAULT(3)


@given(st.floats(min_value=0, max_value=10))
def test_jitter_only_ever_adds_its_share(jitter):
    assert 100 <= delay(100, 1, jitter) <= 100 * (1 + jitter)


def test_jitter_spreads_and_no_jitter_does_not():
    assert len({delay(100, 1, 0.5) for _ in range(20)}) > 1
    assert {delay(100, 1, 0.0) for _ in range(20)} == {100}


def fail() -> Job:
    """Have no job."""
    raise LookupError


def told(error, job):
    """Return a policy that waits 5 seconds if it is told these."""
    return lambda e, j: 5 if e is error and j is job else 1


class TestErrorAndJob:
    def test_a_policy_of_two_arguments_gets_the_error_and_the_job(self):
        error, job = ValueError(), Job()

        assert delay(told(error, job), 1, error=error, job=lambda: job) == 5

    def test_the_job_is_made_only_for_whoever_wants_it(self):
        assert delay(lambda attempt: 5, 1, job=fail) == 5
        assert delay(5, 1, job=fail) == 5

    def test_what_fails_on_the_way_is_replaced_by_the_default(self):
        assert delay(told(None, None), 2, job=fail) == DEFAULT(2)

    @pytest.mark.parametrize(
        ("policy", "wants"),
        [
            (lambda error, job: 1, True),
            (lambda attempt: 1, False),
            (lambda attempt, base=2: 1, False),
            (lambda *numbers: 1, False),
            (lambda attempt, *, base: 1, False),
            (DEFAULT, False),
            (int, False),
            (max, False),
        ],
    )
    def test_what_it_needs_says_what_it_wants(self, policy, wants):
        assert takes_error(policy) == wants
