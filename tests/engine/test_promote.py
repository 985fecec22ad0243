"""promote: scheduled → ready."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from django_jobs import engine
from django_jobs.models import Job
from django_jobs.states import State
from tests.rows import make_job, row_of, state_of
from tests.threads import at_once

pytestmark = pytest.mark.django_db


def scheduled(queue="default", **ago):
    return make_job(State.SCHEDULED, queue=queue, scheduled_at=timezone.now() - timedelta(**ago))


def test_a_due_job_becomes_ready_and_nothing_else_of_it_changes():
    job = scheduled(seconds=1)
    before = row_of(job)

    promoted = engine.promote(using="default")

    assert promoted == 1
    assert row_of(job) == {**before, "state": State.READY}


def test_a_job_that_is_not_due_waits():
    job = scheduled(seconds=-60)

    assert engine.promote(using="default") == 0
    assert state_of(job) == State.SCHEDULED


def test_due_jobs_are_counted_over_all_batches():
    for number in range(7):
        scheduled("odd" if number % 2 else "even", seconds=number)

    assert engine.promote(using="default", batch=2) == 7
    assert not Job.objects.scheduled().exists()


def test_a_blocked_job_is_not_promoted():
    job = make_job(State.BLOCKED, scheduled_at=timezone.now() - timedelta(hours=1))

    assert engine.promote(using="default") == 0
    assert state_of(job) == State.BLOCKED


def test_many_promoters_promote_each_job_once(transactional_db):
    for number in range(40):
        scheduled(seconds=number)

    counts = at_once(*[lambda: engine.promote(using="default", batch=3)] * 4)

    assert sum(counts) == 40
    assert Job.objects.ready().count() == 40


def test_a_locked_job_is_passed_over(transactional_db):
    locked, free = scheduled(seconds=2), scheduled(seconds=1)

    with transaction.atomic():
        Job.objects.select_for_update().get(pk=locked.pk)
        at_once(lambda: engine.promote(using="default"))
        assert state_of(locked) == State.SCHEDULED

    assert state_of(free) == State.READY
