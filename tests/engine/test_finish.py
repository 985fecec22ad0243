"""finish: running → succeeded, failed, cancelled or scheduled, fenced."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from django.utils import timezone

from django_jobs import engine
from django_jobs.engine.sql import KEPT_ERRORS
from django_jobs.faults import fault_of
from django_jobs.models import Job
from django_jobs.outcomes import Cancelled, Failed, Outcome, Parked, Snoozed, Succeeded
from django_jobs.states import State
from tests.rows import (
    FAILED,
    RETRIED,
    claim,
    ended,
    finish,
    held,
    make_job,
    make_jobs,
    rescue_dead,
    row_of,
    sql,
    state_of,
)

pytestmark = pytest.mark.django_db

#: Every way to end, and the state it leads to.
WAYS: dict[str, tuple[Outcome, State]] = {
    "succeeded": (Succeeded('{"a": 1}'), State.SUCCEEDED),
    "failed": (FAILED, State.FAILED),
    "retried": (RETRIED, State.SCHEDULED),
    "snoozed": (Snoozed(0.0), State.SCHEDULED),
    "cancelled": (Cancelled("enough"), State.CANCELLED),
    "parked": (Parked("nobody knows it", 0.0), State.SCHEDULED),
}
every_way = pytest.mark.parametrize(("outcome", "state"), WAYS.values(), ids=WAYS)


class TestOutcomes:
    @every_way
    def test_the_outcome_decides_the_state(self, outcome, state):
        make_job(max_attempts=5)
        [job] = claim()

        lost = finish(ended(job, outcome))

        assert lost == set()
        assert state_of(job) == state

    def test_a_success_keeps_its_result_and_its_times(self):
        make_job()
        [job] = claim()

        finish(ended(job, Succeeded('{"a": [1, "x"]}'), elapsed=2.0, ended=time.monotonic() - 3))

        row = row_of(job)
        assert row["result"] == {"a": [1, "x"]}
        assert row["finished_at"] - row["started_at"] == timedelta(seconds=2)
        assert timedelta(seconds=3) <= timezone.now() - row["finished_at"] < timedelta(seconds=20)

    def test_a_success_without_a_result_stores_none(self):
        make_job()
        [job] = claim()

        finish(ended(job))

        assert sql("SELECT result IS NULL FROM django_jobs_job") == [(True,)]

    def test_a_failed_attempt_leaves_its_error(self):
        make_job(max_attempts=2)
        [job] = claim()

        finish(ended(job, RETRIED))

        [error] = row_of(job)["errors"]
        assert (error["attempt"], error["worker"]) == (1, "here:1")
        assert (error["exception"], error["message"]) == ("builtins.ValueError", "broken")
        assert set(error) == {
            "attempt", "exception", "message", "traceback", "fingerprint", "worker", "started_at",
            "ended_at",
        }  # fmt: skip

    def test_a_retry_waits_for_its_delay(self):
        make_job(max_attempts=2)
        [job] = claim()

        finish(ended(job, Failed(fault_of(ValueError()), delay=600)))

        row = row_of(job)
        left = row["scheduled_at"] - timezone.now()
        assert timedelta(seconds=590) < left <= timedelta(seconds=600)
        assert (row["worker_id"], row["finished_at"], row["attempts"]) == (None, None, 1)

    @pytest.mark.parametrize("outcome", [Snoozed(5), Parked("unknown", 5)])
    def test_snoozed_and_parked_jobs_are_not_charged(self, outcome):
        make_job()
        [job] = claim()

        finish(ended(job, outcome))

        row = row_of(job)
        assert (row["attempts"], row["errors"]) == (0, [])

    def test_a_parked_job_says_why_until_it_has_run(self):
        make_job()
        [job] = claim()

        finish(ended(job, Parked("nobody knows it", 0.0)))
        parked = row_of(job)["note"]
        engine.promote(using="default")
        claim()

        assert parked == "Parked: nobody knows it"
        assert row_of(job)["note"] is None

    def test_a_cancelled_job_says_why(self):
        make_job()
        [job] = claim()

        finish(ended(job, Cancelled("no such order")))

        assert row_of(job)["note"] == "no such order"

    def test_only_the_newest_errors_are_kept(self):
        make_job(errors=[{"attempt": n} for n in range(KEPT_ERRORS)])
        [job] = claim()

        finish(ended(job, FAILED))

        errors = row_of(job)["errors"]
        assert len(errors) == KEPT_ERRORS
        assert errors[0] == {"attempt": 1}
        assert errors[-1]["message"] == "broken"

    @pytest.mark.parametrize(("given", "kept"), [(None, 60), (3600.0, 3600), (0.0, 0)])
    def test_a_job_is_kept_as_long_as_it_or_the_settings_say(self, given, kept):
        make_job()
        [job] = claim()

        finish(ended(job, retention=given))

        left = row_of(job)["prune_at"] - timezone.now()
        assert abs(left - timedelta(seconds=kept)) < timedelta(seconds=20)

    @every_way
    def test_only_what_has_ended_may_ever_be_pruned(self, outcome, state):
        make_job(max_attempts=5)
        [job] = claim()

        finish(ended(job, outcome))

        assert (row_of(job)["prune_at"] is None) == (state == State.SCHEDULED)

    def test_one_batch_may_hold_every_outcome(self):
        make_jobs(len(WAYS) * 3, max_attempts=9)
        jobs = claim()
        ways = list(WAYS.values()) * 3

        lost = finish(*(ended(job, way[0]) for job, way in zip(jobs, ways, strict=True)))

        assert lost == set()
        assert [state_of(job) for job in jobs] == [way[1] for way in ways]

    def test_nothing_to_record_is_nothing_done(self):
        assert finish() == set()


class TestFence:
    @every_way
    def test_a_stale_claim_changes_nothing_and_is_reported(self, outcome, state):
        stale, other = make_jobs(2)
        claim()
        old = held(stale)._replace(claims=0)
        fresh = held(other)._replace(claims=1, attempts=1)
        before = row_of(stale)

        lost = finish(ended(old, outcome), ended(fresh))

        assert lost == {stale.pk}
        assert row_of(stale) == before
        assert state_of(other) == State.SUCCEEDED

    @every_way
    def test_a_zombie_loses_to_the_rescue(self, outcome, state):
        make_job(max_attempts=5)
        [job] = claim(worker=12345)
        rescue_dead()
        before = row_of(job)

        assert finish(ended(job, outcome)) == {job.id}
        assert row_of(job) == before

    @every_way
    def test_a_zombie_loses_to_the_next_owner(self, outcome, state):
        make_job(max_attempts=5)
        [old] = claim(worker=12345)
        rescue_dead()
        [new] = claim(worker=2)
        before = row_of(new)

        assert finish(ended(old, outcome)) == {old.id}
        assert row_of(new) == before
        assert finish(ended(new)) == set()

    @every_way
    @pytest.mark.parametrize("verb", ["cancel", "release"])
    def test_a_job_that_was_taken_back_stays_as_it_is(self, verb, outcome, state):
        make_job(max_attempts=5)
        [job] = claim()
        if verb == "cancel":
            engine.cancel([job.id], retention=60, using="default")
        else:
            engine.release([job], using="default")
        before = row_of(job)

        assert finish(ended(job, outcome)) == {job.id}
        assert row_of(job) == before

    def test_a_job_that_was_deleted_is_reported(self):
        make_job()
        [job] = claim()
        Job.objects.all().delete()

        assert finish(ended(job)) == {job.id}

    @every_way
    def test_recording_it_again_is_harmless(self, outcome, state):
        # As after a commit whose answer was lost.
        make_job(max_attempts=5, attempts=1)
        [job] = claim()
        finished = ended(job, outcome)
        finish(finished)
        before = row_of(job)

        finish(finished)

        after = row_of(job)
        unsteady = {"started_at", "finished_at", "prune_at", "scheduled_at"}
        assert [k for k in after if after[k] != before[k] and k not in unsteady] == []

    def test_a_snooze_recorded_again_does_not_break_the_row(self):
        make_job()
        [job] = claim()
        finished = ended(job, Snoozed(5))
        finish(finished)

        finish(finished)

        assert row_of(job)["attempts"] == 0

    @pytest.mark.parametrize("outcome", [Succeeded(), RETRIED, Snoozed(5)])
    def test_a_retry_that_is_due_again_is_not_taken_back(self, outcome):
        make_job(max_attempts=5)
        [job] = claim()
        finish(ended(job, RETRIED))
        engine.promote(using="default")

        finish(ended(job, outcome))

        assert state_of(job) == State.READY


class TestMarkStarted:
    def test_a_prefetched_job_that_began_is_marked(self):
        row = make_job()
        [job] = engine.claim(1, (), 1, starting=False, using="default")

        engine.mark_started([(job.id, job.claims, 5.0)], using="default")

        ago = timezone.now() - row_of(row)["started_at"]
        assert timedelta(seconds=5) <= ago < timedelta(seconds=25)

    def test_a_stale_mark_misses(self):
        row = make_job()
        [job] = engine.claim(1, (), 1, starting=False, using="default")

        engine.mark_started([(job.id, job.claims - 1, 5.0)], using="default")

        assert row_of(row)["started_at"] is None

    def test_the_first_mark_stays(self):
        row = make_job()
        [job] = claim()
        before = row_of(row)

        engine.mark_started([(job.id, job.claims, 500.0)], using="default")
        engine.mark_started([], using="default")

        assert row_of(row) == before


class TestLost:
    def test_what_is_still_held_is_not_lost(self):
        make_jobs(3)
        jobs = claim()

        assert engine.lost(jobs, using="default") == []
        assert engine.lost([], using="default") == []

    def test_what_has_changed_hands_or_is_gone_is_lost(self):
        make_jobs(5)
        jobs = claim(worker=12345)
        cancelled, deleted, released, *_ = jobs
        engine.cancel([cancelled.id], retention=60, using="default")
        Job.objects.filter(pk=deleted.id).delete()
        engine.release([released], using="default")

        assert engine.lost(jobs[::-1], using="default") == [cancelled, deleted, released]

        rescue_dead()
        assert engine.lost(jobs, using="default") == jobs


class TestFingerprint:
    def test_the_newest_failure_leaves_its_own(self):
        make_job(max_attempts=2)
        [job] = claim()
        fault = fault_of(ValueError("x"))

        finish(ended(job, Failed(fault, delay=0)))

        assert row_of(job)["fingerprint"] == fault.fingerprint
        assert row_of(job)["errors"][0]["fingerprint"] == fault.fingerprint

    def test_a_success_leaves_that_of_the_failure_before(self):
        make_job(fingerprint="before")
        [job] = claim()

        finish(ended(job))

        assert row_of(job)["fingerprint"] == "before"
