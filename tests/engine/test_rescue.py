"""rescue: running → ready or failed, for the jobs of dead workers."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from django_jobs import engine
from django_jobs.engine.rescue import REPRIEVES
from django_jobs.engine.sql import KEPT_ERRORS
from django_jobs.models import Job, Worker
from django_jobs.states import State
from tests.rows import RETENTION, claim, make_job, make_jobs, rescue_dead, row_of, state_of
from tests.threads import at_once

pytestmark = pytest.mark.django_db


def silence(worker, **since):
    Worker.objects.filter(pk=worker).update(heartbeat_at=timezone.now() - timedelta(**since))


def rescue(*workers, **witnessed):
    return engine.rescue(
        workers, reason="killed", retention=RETENTION, using="default", **witnessed
    )


class TestWhoIsDead:
    def test_a_worker_that_is_silent_too_long_is_dead(self, worker):
        job = make_job(max_attempts=2)
        claim(worker)
        silence(worker, seconds=31)

        [rescued] = rescue_dead(timeout=30)

        assert (rescued.id, rescued.queue, rescued.state) == (job.pk, "default", State.READY)
        assert not Worker.objects.exists()

    def test_a_worker_that_was_heard_lately_is_left_alone(self, worker):
        job = make_job()
        claim(worker)
        silence(worker, seconds=25)

        assert rescue_dead(timeout=30) == []
        assert state_of(job) == State.RUNNING
        assert Worker.objects.exists()

    def test_a_worker_whose_row_is_gone_is_dead(self):
        job = make_job(max_attempts=2)
        claim(worker=12345)

        assert [rescued.id for rescued in rescue_dead()] == [job.pk]

    def test_a_dead_worker_without_jobs_is_forgotten(self, worker):
        silence(worker, hours=1)

        assert rescue_dead() == []
        assert not Worker.objects.exists()

    def test_jobs_of_the_living_stay_with_them(self, worker):
        make_job(max_attempts=2)
        claim(worker=12345)
        living = make_job()
        claim(worker)

        rescue_dead()

        assert state_of(living) == State.RUNNING

    def test_two_rescuers_rescue_each_job_once(self, transactional_db):
        make_jobs(20, max_attempts=3)
        claim(worker=12345)

        rescued = at_once(*[rescue_dead] * 4)

        ids = [job.id for share in rescued for job in share]
        assert len(ids) == len(set(ids)) == 20
        assert set(Job.objects.values_list("claims", "attempts")) == {(2, 1)}

    def test_a_row_that_is_locked_is_left_for_the_next_time(self, transactional_db):
        locked, free = make_jobs(2, max_attempts=2)
        claim(worker=12345)

        with transaction.atomic():
            Job.objects.select_for_update().get(pk=locked.pk)
            [rescued] = at_once(rescue_dead)

        assert [job.id for job in rescued] == [free.pk]
        assert [job.id for job in rescue_dead()] == [locked.pk]


class TestCharge:
    def test_a_job_that_had_started_is_charged_and_says_why(self):
        make_job(max_attempts=2)
        [job] = claim(worker=7)

        rescue(7)

        row = row_of(job)
        assert (row["state"], row["attempts"], row["claims"]) == (State.READY, 1, 2)
        assert (row["worker_id"], row["started_at"]) == (None, None)
        [error] = row["errors"]
        assert (error["attempt"], error["message"]) == (1, "killed")
        assert error["exception"] == "django_jobs.exceptions.WorkerLost"
        assert error["started_at"] is not None

    def test_a_job_without_attempts_left_fails(self):
        make_job(max_attempts=1)
        [job] = claim(worker=7)

        [rescued] = rescue(7)

        row = row_of(job)
        assert rescued.state == row["state"] == State.FAILED
        assert row["finished_at"] is not None
        assert row["prune_at"] > timezone.now()
        assert (row["worker_id"], row["claims"]) == (7, 2)

    def test_a_prefetched_job_is_not_charged(self):
        make_job(max_attempts=1)
        [job] = engine.claim(7, (), 1, starting=False, using="default")

        rescue(7)

        row = row_of(job)
        assert (row["state"], row["attempts"], row["reprieves"]) == (State.READY, 0, 1)
        assert row["errors"] == []

    def test_a_job_that_kills_every_worker_before_anybody_saw_it_start_fails_in_the_end(self):
        make_job(max_attempts=1)
        for _ in range(REPRIEVES + 1):
            [job] = engine.claim(7, (), 1, starting=False, using="default")
            rescue(7)

        assert state_of(job) == State.FAILED

    def test_a_witness_decides_which_jobs_had_begun(self):
        make_jobs(2)
        begun, waiting = engine.claim(7, (), 2, starting=False, using="default")

        rescue(7, begun=[begun.id])

        assert state_of(begun) == State.FAILED
        assert state_of(waiting) == State.READY
        assert row_of(waiting)["attempts"] == 0

    def test_a_witness_who_saw_nothing_start_charges_nobody(self):
        make_job()
        [job] = claim(worker=7)

        rescue(7, begun=[])

        assert (state_of(job), row_of(job)["attempts"]) == (State.READY, 0)

    def test_a_job_that_had_returned_nothing_before_the_worker_died_has_succeeded(self):
        make_jobs(2)
        over, cut_off = claim(worker=7)

        rescue(7, begun=[over.id, cut_off.id], returned=[over.id])

        row = row_of(over)
        assert (row["state"], row["attempts"], row["errors"]) == (State.SUCCEEDED, 1, [])
        assert row["prune_at"] > row["finished_at"]
        assert state_of(cut_off) == State.FAILED

    def test_only_the_newest_errors_are_kept(self):
        make_job(max_attempts=2, errors=[{"attempt": n} for n in range(KEPT_ERRORS)])
        [job] = claim(worker=7)

        rescue(7)

        errors = row_of(job)["errors"]
        assert len(errors) == KEPT_ERRORS
        assert errors[-1]["message"] == "killed"

    def test_rescuing_twice_changes_nothing_more(self):
        make_job(max_attempts=3)
        [job] = claim(worker=7)
        rescue(7)
        before = row_of(job)

        assert rescue(7) == []
        assert row_of(job) == before

    def test_only_running_jobs_are_rescued(self):
        failed = make_job(State.FAILED, worker_id=7)

        assert rescue(7) == []
        assert state_of(failed) == State.FAILED
