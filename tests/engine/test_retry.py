"""retry: failed or cancelled → ready, with all attempts again."""

from __future__ import annotations

from functools import partial

import pytest
from django.utils import timezone

from django_jobs import engine
from django_jobs.engine.retry import BATCH
from django_jobs.models import Job
from django_jobs.states import LIVE, State
from tests.rows import FAILED, claim, ended, finish, make_job, new_job, row_of, state_of
from tests.threads import at_once

pytestmark = pytest.mark.django_db


def retry(*jobs):
    return engine.retry([job.pk for job in jobs], using="default")


@pytest.mark.parametrize("state", [State.FAILED, State.CANCELLED])
def test_a_dead_letter_begins_anew_and_keeps_its_errors(state):
    job = make_job(
        state, attempts=3, max_attempts=3, reprieves=2, worker_id=7, errors=[{"attempt": 3}],
        prune_at=timezone.now(), result=1, progress=2,
    )  # fmt: skip

    assert retry(job) == 1

    row = row_of(job)
    assert (row["state"], row["attempts"], row["reprieves"]) == (State.READY, 0, 0)
    assert row["errors"] == [{"attempt": 3}]
    nulls = ("worker_id", "started_at", "finished_at", "prune_at", "result", "progress")
    assert [row[name] for name in nulls] == [None] * 6
    assert row["claims"] == job.claims + 1


@pytest.mark.parametrize("state", [*sorted(LIVE), State.SUCCEEDED])
def test_other_jobs_are_left_alone(state):
    job = make_job(state)
    before = row_of(job)

    assert retry(job) == 0
    assert row_of(job) == before


def test_the_late_outcome_of_its_former_life_is_refused():
    job = make_job()
    [old] = claim()
    engine.cancel([job.pk], retention=60, using="default")
    retry(job)
    before = row_of(job)

    assert finish(ended(old)) == {job.pk}
    assert row_of(job) == before


def test_a_retried_job_can_be_claimed_and_fail_again():
    job = make_job(max_attempts=1)
    for _ in range(2):
        [claimed] = claim()
        assert claimed.attempts == 1
        finish(ended(claimed, FAILED))
        retry(job)

    assert len(row_of(job)["errors"]) == 2


@pytest.mark.parametrize("state", sorted(LIVE))
def test_a_job_whose_key_is_held_stays_dead(state):
    dead = make_job(State.FAILED, unique_key="k")
    make_job(state, unique_key="k")

    assert retry(dead) == 0
    assert state_of(dead) == State.FAILED


def test_of_several_with_one_key_the_newest_lives_again():
    old, new = (make_job(State.FAILED, unique_key="k") for _ in range(2))
    free = make_job(State.FAILED)

    assert retry(old, new, free) == 2
    assert [state_of(job) for job in (old, new, free)] == [
        State.FAILED, State.READY, State.READY,
    ]  # fmt: skip


def test_more_jobs_than_one_statement_takes():
    now = timezone.now()
    Job.objects.bulk_create(
        Job(name="x", state=State.FAILED, finished_at=now) for _ in range(BATCH + 5)
    )

    assert retry(*Job.objects.all()) == BATCH + 5


def test_many_with_one_key_spread_over_batches_make_one_live_job():
    now = timezone.now()
    Job.objects.bulk_create(
        Job(name="x", state=State.FAILED, finished_at=now, unique_key="k") for _ in range(BATCH + 5)
    )

    assert retry(*Job.objects.order_by("pk")) == 1


def test_retrying_while_others_enqueue_the_key_makes_one_live_job(transactional_db):
    dead = [make_job(State.FAILED, unique_key=f"key-{n}") for n in range(50)]

    def enqueue():
        for job in dead:
            engine.enqueue([new_job(unique_key=job.unique_key)], using="default")

    retried, *_ = at_once(partial(retry, *dead), enqueue, enqueue)

    live = Job.objects.filter(state__in=LIVE)
    assert sorted(job.unique_key or "" for job in live) == sorted(
        job.unique_key or "" for job in dead
    )
    assert live.filter(pk__in=[job.pk for job in dead]).count() == retried
