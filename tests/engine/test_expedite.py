"""expedite: scheduled → ready, whatever the clock says."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest
from django.db import transaction
from django.utils import timezone

from django_jobs import engine
from django_jobs.engine import announcing
from django_jobs.engine.expedite import BATCH
from django_jobs.models import Job
from django_jobs.outcomes import Failed
from django_jobs.states import State
from tests.rows import FAULT, claim, ended, finish, make_job, row_of, state_of
from tests.threads import at_once

pytestmark = pytest.mark.django_db

TOMORROW = timedelta(days=1)


def expedite(*jobs):
    return engine.expedite([job.pk for job in jobs], using="default")


def scheduled(**fields):
    return make_job(State.SCHEDULED, **{"scheduled_at": timezone.now() + TOMORROW, **fields})


def test_a_scheduled_job_is_ready_and_due_and_nothing_else_of_it_changes():
    job = scheduled(expires_at=timezone.now() + 2 * TOMORROW)
    before = row_of(job)

    assert expedite(job) == [job.pk]

    row = row_of(job)
    assert row == {**before, "state": State.READY, "scheduled_at": row["scheduled_at"]}
    assert abs(row["scheduled_at"] - timezone.now()) < timedelta(minutes=1)


def test_one_that_is_due_keeps_its_time():
    at = timezone.now() - TOMORROW
    job = scheduled(scheduled_at=at)

    expedite(job)

    assert row_of(job)["scheduled_at"] == at


def test_the_next_attempt_comes_at_once_and_those_before_stay_counted():
    make_job(max_attempts=3)
    [claimed] = claim()
    finish(ended(claimed, Failed(FAULT, delay=3600.0)))

    assert engine.expedite([claimed.id], using="default") == [claimed.id]

    [again] = claim()
    assert (again.id, again.attempts) == (claimed.id, 2)


@pytest.mark.parametrize("state", sorted(set(State) - {State.SCHEDULED}))
def test_a_job_in_any_other_state_stays(state):
    job = make_job(state)
    before = row_of(job)

    assert expedite(job) == []
    assert row_of(job) == before


def test_more_jobs_than_one_statement_takes():
    Job.objects.bulk_create(Job(name="x", state=State.SCHEDULED) for _ in range(BATCH + 5))

    assert len(expedite(*Job.objects.all())) == BATCH + 5


def test_the_queues_are_announced_when_it_is_committed(transactional_db, monkeypatch):
    told = []
    monkeypatch.setattr(announcing, "notify", lambda queue, using: told.append(queue))
    jobs = [scheduled(queue=queue) for queue in ("mail", "mail", "other")]

    with transaction.atomic():
        expedite(*jobs, make_job(queue="ready"))
        assert told == []

    assert sorted(told) == ["mail", "other"]


def test_crossing_ones_do_not_deadlock(transactional_db):
    jobs = [scheduled() for _ in range(100)]

    moved = at_once(partial(expedite, *jobs), partial(expedite, *jobs[::-1]))

    assert sorted(moved[0] + moved[1]) == [job.pk for job in jobs]
    assert {state_of(job) for job in jobs} == {State.READY}
