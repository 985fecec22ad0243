"""cancel: any state with work ahead → cancelled."""

from __future__ import annotations

from functools import partial

import pytest
from django.db import transaction

from django_jobs import engine
from django_jobs.engine import announcing
from django_jobs.engine.cancel import BATCH
from django_jobs.models import Job
from django_jobs.states import FINISHED, LIVE, State
from tests.rows import claim, ended, finish, make_job, make_jobs, row_of, state_of
from tests.threads import at_once

pytestmark = pytest.mark.django_db


def cancel(*jobs):
    return len(engine.cancel([job.pk for job in jobs], retention=60, using="default"))


@pytest.mark.parametrize("state", sorted(LIVE))
def test_a_job_with_work_ahead_is_cancelled(state):
    job = make_job(state)

    assert cancel(job) == 1

    row = row_of(job)
    assert row["state"] == State.CANCELLED
    assert row["claims"] == job.claims + 1
    assert row["finished_at"] is not None
    assert row["prune_at"] > row["finished_at"]


@pytest.mark.parametrize("state", sorted(FINISHED))
def test_a_job_that_has_ended_stays(state):
    job = make_job(state)
    before = row_of(job)

    assert cancel(job) == 0
    assert row_of(job) == before


def test_the_outcome_of_a_cancelled_run_is_not_recorded():
    job = make_job()
    [claimed] = claim()

    cancel(job)

    assert finish(ended(claimed)) == {job.pk}
    assert state_of(job) == State.CANCELLED


def test_its_unique_key_is_free_again():
    cancel(make_job(unique_key="k"))

    assert make_job(unique_key="k").pk


def test_more_jobs_than_one_statement_takes():
    Job.objects.bulk_create(Job(name="x") for _ in range(BATCH + 5))

    assert cancel(*Job.objects.all()) == BATCH + 5


def test_cancelling_twice_or_nothing_is_harmless():
    job = make_job()

    assert [cancel(job), cancel(job), cancel()] == [1, 0, 0]


def test_crossing_cancels_do_not_deadlock(transactional_db):
    jobs = make_jobs(100)

    counts = at_once(partial(cancel, *jobs), partial(cancel, *jobs[::-1]))

    assert sum(counts) == 100


class TestRunningJobs:
    @pytest.fixture
    def summoned(self, monkeypatch):
        told = list[int]()
        monkeypatch.setattr(announcing, "notify_worker", lambda worker, using: told.append(worker))
        return told

    def test_the_owners_are_told_once_each(self, summoned, transactional_db):
        jobs = [make_job(State.RUNNING, worker_id=worker) for worker in (7, 8, 7)]

        cancel(*jobs, make_job())

        assert sorted(summoned) == [7, 8]

    def test_nobody_is_told_of_jobs_that_wait(self, summoned, transactional_db):
        cancel(make_job(), make_job(State.SCHEDULED))

        assert summoned == []

    def test_they_are_told_when_it_is_committed(self, summoned, transactional_db):
        job = make_job(State.RUNNING, worker_id=7)

        with transaction.atomic():
            cancel(job)
            assert summoned == []
        assert summoned == [7]

    def test_the_worker_finds_out_which_job_it_has_lost(self):
        make_jobs(3)
        jobs = claim()

        engine.cancel([jobs[1].id], retention=60, using="default")

        assert engine.lost(jobs, using="default") == [jobs[1]]
