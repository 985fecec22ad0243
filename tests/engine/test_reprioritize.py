"""reprioritize: another priority for jobs that wait."""

from __future__ import annotations

from functools import partial

import pytest

from django_jobs import engine
from django_jobs.engine.reprioritize import BATCH
from django_jobs.models import Job
from django_jobs.states import WAITING, State
from tests.rows import make_job, make_jobs, row_of
from tests.threads import at_once

pytestmark = pytest.mark.django_db


def reprioritize(*jobs, to=5, ordered=()):
    return engine.reprioritize([job.pk for job in jobs], to, ordered=ordered, using="default")


@pytest.mark.parametrize("state", sorted(WAITING))
def test_a_job_that_waits_has_another_priority_and_nothing_else_of_it_changes(state):
    job = make_job(state)
    before = row_of(job)

    assert reprioritize(job) == [job.pk]
    assert row_of(job) == {**before, "priority": 5}


@pytest.mark.parametrize("state", sorted(set(State) - WAITING))
def test_a_job_that_was_taken_or_has_ended_stays(state):
    job = make_job(state)
    before = row_of(job)

    assert reprioritize(job) == []
    assert row_of(job) == before


def test_one_that_has_it_already_is_not_counted():
    assert reprioritize(make_job(priority=5)) == []


def test_what_is_ordered_stays():
    ordered, free = make_job(lane="orders"), make_job()

    assert reprioritize(ordered, free, ordered=["orders"]) == [free.pk]


def test_more_jobs_than_one_statement_takes():
    Job.objects.bulk_create(Job(name="x") for _ in range(BATCH + 5))

    assert len(reprioritize(*Job.objects.all())) == BATCH + 5


def test_crossing_ones_do_not_deadlock(transactional_db):
    jobs = make_jobs(100)

    changed = at_once(partial(reprioritize, *jobs, to=1), partial(reprioritize, *jobs[::-1], to=2))

    assert [len(one) for one in changed] == [100, 100]
