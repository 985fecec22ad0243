"""release: running → ready, at no charge."""

from __future__ import annotations

import pytest

from django_jobs import engine
from django_jobs.states import State
from tests.rows import claim, ended, finish, make_job, make_jobs, rescue_dead, row_of, state_of

pytestmark = pytest.mark.django_db


def release(*jobs):
    return engine.release(jobs, using="default")


def test_a_released_job_is_as_if_it_had_not_been_claimed():
    row = make_job()
    before = row_of(row)
    [job] = claim()

    assert release(job) == {job.id}

    assert row_of(row) == {**before, "claims": 2}


def test_a_stale_claim_releases_nothing():
    make_job(max_attempts=5)
    [old] = claim(worker=12345)
    rescue_dead()
    [new] = claim(worker=2)
    before = row_of(new)

    assert release(old) == set()
    assert row_of(new) == before


def test_what_has_ended_is_not_released():
    make_jobs(2)
    done, running = claim()
    finish(ended(done))

    assert release(done, running) == {running.id}
    assert state_of(done) == State.SUCCEEDED


def test_releasing_twice_is_harmless():
    make_job()
    [job] = claim()

    assert release(job) == {job.id}
    assert release(job) == set()
    assert row_of(job)["attempts"] == 0


def test_releasing_nothing_is_nothing():
    assert release() == set()


def test_a_worker_disowns_what_it_never_heard_of():
    make_jobs(3)
    known, *unheard = claim(worker=7)
    [foreign] = make_jobs(1)
    claim(worker=8)

    count = engine.disown(7, [known.id], using="default")

    assert count == 2
    assert [state_of(job) for job in unheard] == [State.READY] * 2
    assert [row_of(job)["attempts"] for job in unheard] == [0, 0]
    assert state_of(known) == state_of(foreign) == State.RUNNING
    assert finish(*map(ended, unheard)) == {job.id for job in unheard}


def test_a_worker_that_knows_none_of_its_jobs_disowns_all():
    make_jobs(2)
    claim(worker=7)

    assert engine.disown(7, [], using="default") == 2
