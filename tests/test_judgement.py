"""What an error that ended a run means for its job."""

from __future__ import annotations

from dataclasses import replace

import pytest

from django_jobs import Cancel, Retry, Snooze
from django_jobs.conf import read
from django_jobs.definitions import define
from django_jobs.exceptions import JobTimeout, ProcessDied, UnknownJob
from django_jobs.judgement import PARKED_FOR, Policy, judge
from django_jobs.outcomes import Cancelled, Claimed, Failed, Parked, Snoozed
from tests.executors.bench import POLICY
from tests.samples import undecorated

JOB = Claimed(1, 1, "x", "[]", "{}", 1, 3, None, 0)


def judged(error, job=JOB, policy=POLICY, **declared):
    return judge(error, job, define(undecorated, "x", None, **declared), policy)


class TestAttempts:
    def test_an_error_is_tried_again_after_the_backoff(self):
        assert judged(ValueError()).delay == 11
        assert judged(ValueError(), backoff=5).delay == 5

    def test_at_the_last_attempt_it_is_the_end(self):
        assert judged(ValueError(), JOB._replace(attempts=3)).delay is None

    @pytest.mark.parametrize(
        ("error", "again"),
        [
            (IndexError(), True),
            (KeyError(), False),
            (ValueError(), False),
            (JobTimeout(1), True),
            (ProcessDied("was killed by SIGKILL"), True),
        ],
        ids=lambda value: type(value).__name__,
    )
    def test_the_declaration_says_which_errors_are_worth_another(self, error, again):
        outcome = judged(error, retry_on=(LookupError,), give_up_on=(KeyError,))

        assert (outcome.delay is not None) == again

    def test_a_timeout_can_be_given_up_on(self):
        assert judged(JobTimeout(1), give_up_on=(TimeoutError,)).delay is None

    def test_a_backoff_may_depend_on_the_error_and_the_job(self):
        def backoff(error, job):
            return len(error.args) * 100 + job.attempts

        assert judged(ValueError(1, 2), JOB._replace(attempts=2), backoff=backoff).delay == 202

    def test_a_backoff_that_fails_is_replaced(self):
        assert judged(ValueError(), backoff=lambda error, job: 1 / 0).delay == 10


class TestSteering:
    def test_retry(self):
        assert judged(Retry(3)).delay == 3
        assert judged(Retry()).delay == 11
        assert judged(Retry(3), JOB._replace(attempts=3)).delay is None

    def test_retry_needs_not_be_named(self):
        assert judged(Retry(3), retry_on=(LookupError,)).delay == 3

    def test_snooze_also_at_the_last_attempt(self):
        assert judged(Snooze(3), JOB._replace(attempts=3)) == Snoozed(3)

    def test_cancel(self):
        assert judged(Cancel("enough")) == Cancelled("enough")

    @pytest.mark.parametrize("delay", ["soon", -1, float("nan")])
    def test_a_delay_that_makes_no_sense_is_told_and_replaced(self, delay, caplog):
        assert judged(Retry(delay)).delay == 11
        assert "job.delay_ignored id=1" in caplog.text


class TestWithoutADefinition:
    def test_an_unknown_job_is_parked(self):
        outcome = judge(UnknownJob("x\x00"), JOB, None, POLICY)

        assert isinstance(outcome, Parked)
        assert outcome.delay == PARKED_FOR
        assert "\x00" not in outcome.reason

    def test_anything_else_has_failed_for_good(self):
        outcome = judge(ValueError("x"), JOB, None, POLICY)

        assert isinstance(outcome, Failed)
        assert outcome.delay is None


class TestPolicy:
    def test_it_is_made_of_the_settings(self):
        settings = read({"DEFAULT_TIMEOUT": 5, "BACKOFF": 3, "BACKOFF_JITTER": 0})

        policy = Policy.of(settings, "here:1", "other")

        assert (policy.timeout, policy.worker, policy.using) == (5, "here:1", "other")
        assert judged(ValueError(), policy=policy).delay == 3

    def test_a_job_may_have_a_limit_of_its_own(self):
        policy = replace(POLICY, timeout=5)

        limits = [policy.limit(JOB._replace(timeout=timeout)) for timeout in (None, 7.5, 0)]
        assert limits == [5, 7.5, 0]
