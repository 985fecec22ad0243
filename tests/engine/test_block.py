"""block: running → blocked, until other jobs have ended."""

from __future__ import annotations

import sys

import pytest
from django.db import OperationalError, transaction

from django_jobs import engine
from django_jobs.exceptions import InvalidDependency, JobGone
from django_jobs.models import Job, Link
from django_jobs.states import FINISHED, State
from tests.rows import (
    FAILED,
    RETENTION,
    block,
    claim,
    ended,
    finish,
    make_job,
    make_jobs,
    row_of,
    settle,
    state_of,
)
from tests.threads import at_once, wait_until

pytestmark = pytest.mark.django_db(transaction=True)


def claimed(**fields):
    """Return a job that a worker owns."""
    made = make_job(priority=100, **fields)
    (job,) = claim(limit=1)
    assert job.id == made.pk
    return job


def links():
    return set(Link.objects.values_list("waiting", "awaited", "resolved"))


def test_it_waits_at_no_charge_and_is_nobodys():
    other = make_job()
    job = claimed(max_attempts=3)

    assert block(job, other) == set()

    row = row_of(job)
    assert (row["state"], row["attempts"], row["worker_id"]) == (State.BLOCKED, 0, None)
    assert (row["started_at"], row["finished_at"]) == (None, None)
    assert row["claims"] == job.claims + 1
    assert row["unsettled"] is False
    assert links() == {(job.id, other.pk, False)}
    assert row_of(other)["unsettled"] is True


def test_no_worker_claims_it():
    other = make_job(State.SCHEDULED)
    block(claimed(), other)

    assert claim() == []


def test_the_outcome_of_the_claim_that_blocked_it_is_refused():
    job = claimed()
    block(job, make_job())
    before = row_of(job)

    assert finish(ended(job)) == {job.id}
    assert row_of(job) == before


@pytest.mark.parametrize("verb", ["cancel", "release", "rescue", "finish"])
def test_a_claim_that_is_lost_blocks_nothing(verb):
    other = make_job(priority=-1)
    job = claimed(max_attempts=3)
    if verb == "cancel":
        engine.cancel([job.id], retention=60, using="default")
    elif verb == "release":
        engine.release([job], using="default")
    elif verb == "rescue":
        engine.rescue([1], reason="killed", retention=RETENTION, using="default")
    else:
        finish(ended(job))
    before = row_of(job)

    assert block(job, other) == {job.id}

    assert row_of(job) == before
    assert links() == set()
    assert not row_of(other)["unsettled"]


def test_of_several_jobs_those_that_are_lost_are_told():
    others = make_jobs(3, state=State.SCHEDULED)
    kept, lost = claimed(), claimed()
    engine.release([lost], using="default")
    waits = [engine.Wait(job, other.pk) for job in (lost, kept) for other in others]

    assert engine.block(waits, retention=RETENTION, using="default") == {lost.id}

    assert state_of(kept) == State.BLOCKED
    assert {waiting for waiting, _, _ in links()} == {kept.id}


@pytest.mark.parametrize("state", sorted(FINISHED))
def test_what_has_ended_meanwhile_is_told_of_at_once(state):
    other = make_job(state, name="shop.jobs.pack")
    job = claimed()

    block(job, other)

    assert state_of(job) == (State.READY if state == State.SUCCEEDED else State.FAILED)
    assert not row_of(other)["unsettled"]


def test_what_was_deleted_meanwhile_is_told():
    other = make_job()
    job = claimed()
    Job.objects.filter(pk=other.pk).delete()

    with pytest.raises(JobGone, match=f"#{other.pk} was to be waited for"):
        block(job, other)

    assert state_of(job) == State.RUNNING


def test_it_may_wait_again_for_what_it_has_waited_for():
    other = make_job()
    job = claimed()
    block(job, other)
    engine.cancel([other.pk], retention=60, using="default")
    settle()
    engine.retry([other.pk], using="default")
    finish(ended(claim(limit=1)[0]))
    settle()
    (again,) = claim(limit=1)
    assert links() == {(job.id, other.pk, True)}

    block(again, other)

    assert state_of(again) == State.READY  # for it has succeeded
    assert links() == {(job.id, other.pk, True)}


def test_who_would_wait_for_itself_is_refused():
    first, second, third = claimed(), claimed(), claimed()
    block(first, Job.objects.get(pk=second.id))
    block(second, Job.objects.get(pk=third.id))

    with pytest.raises(InvalidDependency, match="would wait for itself"):
        block(third, Job.objects.get(pk=first.id))
    with pytest.raises(InvalidDependency):
        block(third, Job.objects.get(pk=third.id))

    assert state_of(third) == State.RUNNING
    # And the transaction is of use still
    finish(ended(third, FAILED))
    assert state_of(first) == State.FAILED


def test_of_two_that_are_about_to_wait_for_each_other_one_is_refused():
    first, second = claimed(), claimed()
    rows = {job: Job.objects.get(pk=job.id) for job in (first, second)}
    refused = []

    def wait_for(job, other):
        try:
            block(job, rows[other])
        except InvalidDependency:
            refused.append(job)

    at_once(lambda: wait_for(first, second), lambda: wait_for(second, first))

    assert len(refused) == 1
    assert len(links()) == 1


def test_who_holds_what_is_waited_for_delays_it_for_a_while_only(monkeypatch):
    blocking = sys.modules["django_jobs.engine.block"]
    monkeypatch.setattr(blocking, "_SET", blocking._SET.replace("2s", "50ms"))
    other = make_job()
    job = claimed()
    told = []

    def try_to_block():
        wait_until(lambda: held)
        try:
            block(job, other)
        except OperationalError as error:
            told.append(error)

    def hold():
        with transaction.atomic():
            Job.objects.select_for_update().get(pk=other.pk)
            held.append(1)
            wait_until(lambda: told)

    held = []
    at_once(hold, try_to_block)

    assert len(told) == 1
    assert state_of(job) == State.RUNNING
    assert links() == set()


def test_two_workers_that_block_at_once_on_the_same_jobs_do_not_meet_in_a_circle():
    others = make_jobs(20, state=State.SCHEDULED)
    jobs = [claimed() for _ in range(20)]

    def wait(mine, order):
        for job in mine:
            block(job, *others[::order])

    at_once(lambda: wait(jobs[::2], 1), lambda: wait(jobs[1::2], -1))

    assert Job.objects.filter(state=State.BLOCKED).count() == 20
    assert len(links()) == 400
