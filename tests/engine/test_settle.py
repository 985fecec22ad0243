"""settle: blocked → ready, scheduled or failed, when what is waited for has ended."""

from __future__ import annotations

import sys
from datetime import timedelta
from functools import partial

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from django_jobs import engine
from django_jobs.engine.settle import BATCH
from django_jobs.models import Job, Link
from django_jobs.states import State
from tests.rows import (
    FAILED,
    RETENTION,
    RETRIED,
    claim,
    ended,
    finish,
    make_job,
    make_jobs,
    row_of,
    settle,
    sql,
    state_of,
)
from tests.threads import at_once, wait_until

pytestmark = pytest.mark.django_db(transaction=True)


def wait_for(*awaited, **fields):
    """Make a job that waits for others."""
    job = make_job(State.BLOCKED, **fields)
    Link.objects.bulk_create(Link(waiting=job, awaited=one) for one in awaited)
    Job.objects.filter(pk__in=[one.pk for one in awaited]).update(unsettled=True)
    return job


def end(job, outcome=None):
    """Let a ready job run, and end."""
    Job.objects.filter(pk=job.pk).update(priority=1000)
    (claimed,) = claim(limit=1)
    assert claimed.id == job.pk
    return finish(ended(claimed, outcome))


def cancel(*jobs):
    engine.cancel([job.pk for job in jobs], retention=60, using="default")


class TestSuccess:
    def test_it_is_ready_when_the_last_of_them_has_succeeded(self):
        first, second = make_jobs(2)
        job = wait_for(first, second)

        end(first)
        assert state_of(job) == State.BLOCKED
        end(second)

        assert state_of(job) == State.READY
        assert set(Link.objects.values_list("resolved", flat=True)) == {True}
        assert not Job.objects.filter(unsettled=True).exists()

    def test_finishing_for_now_tells_nobody(self):
        first = make_job(max_attempts=3)
        job = wait_for(first)

        end(first, RETRIED)

        assert state_of(job) == State.BLOCKED
        assert row_of(first)["unsettled"] is True

    def test_one_that_is_not_due_is_scheduled(self):
        first = make_job()
        job = wait_for(first, scheduled_at=timezone.now() + timedelta(hours=1))

        end(first)

        assert state_of(job) == State.SCHEDULED

    def test_its_queue_is_announced(self):
        first = make_job()
        wait_for(first, queue="far-away")
        end(first)

        assert sql("SELECT count(*) FROM django_jobs_queue WHERE name = 'far-away'") == [(1,)]

    def test_one_that_nobody_waits_for_any_more_is_settled(self):
        first = make_job()
        cancel(wait_for(first))

        end(first)

        assert not row_of(first)["unsettled"]

    def test_a_diamond_is_run_through(self):
        top = make_job()
        left, right = wait_for(top), wait_for(top)
        bottom = wait_for(left, right)

        end(top)
        assert [state_of(job) for job in (left, right, bottom)] == ["ready", "ready", "blocked"]
        end(left)
        assert state_of(bottom) == State.BLOCKED
        end(right)
        assert state_of(bottom) == State.READY

    def test_many_that_wait_for_one_are_a_handful_of_statements(self):
        first = make_job()
        sql(
            "INSERT INTO django_jobs_job (name, state) "
            "SELECT 'x', 'blocked' FROM generate_series(1, 10000)"
        )
        sql(
            f"INSERT INTO django_jobs_link SELECT id, {first.pk} FROM django_jobs_job"
            f" WHERE state = 'blocked'"
        )
        Job.objects.filter(pk=first.pk).update(unsettled=True, priority=1)

        with CaptureQueriesContext(connection) as queries:
            end(first)

        assert Job.objects.ready().count() == 10_000
        assert len(queries) < 30

    def test_one_that_waits_for_many_is_a_handful_of_statements(self):
        job = make_job(State.BLOCKED)
        sql(
            "INSERT INTO django_jobs_job (name, state, finished_at, unsettled) "
            "SELECT 'x', 'succeeded', now(), true FROM generate_series(1, 10000)"
        )
        sql(
            f"INSERT INTO django_jobs_link SELECT {job.pk}, id FROM django_jobs_job"
            f" WHERE state = 'succeeded'"
        )

        with CaptureQueriesContext(connection) as queries:
            assert settle() == 10_000

        assert state_of(job) == State.READY
        assert len(queries) < 10 * (10_000 / BATCH + 1)


class TestFailure:
    def test_it_fails_by_an_error_that_names_the_cause(self):
        first = make_job(name="shop.jobs.pack")
        job = wait_for(first)

        end(first, FAILED)

        row = row_of(job)
        assert (row["state"], row["ended_by"], row["attempts"]) == (State.FAILED, first.pk, 0)
        (error,) = row["errors"]
        assert error["exception"] == "django_jobs.exceptions.DependencyFailed"
        assert error["message"] == (
            f"It waited for shop.jobs.pack #{first.pk}, which failed: ValueError: broken"
        )
        assert row["fingerprint"] == error["fingerprint"]
        assert row["prune_at"] > row["finished_at"]

    def test_so_it_does_by_one_that_was_cancelled(self):
        first = make_job(name="shop.jobs.pack")
        job = wait_for(first, make_job())

        cancel(first)
        assert settle() == 1

        row = row_of(job)
        assert (row["state"], row["ended_by"]) == (State.FAILED, first.pk)
        assert row["errors"][0]["message"].endswith(f"#{first.pk}, which was cancelled.")

    def test_so_it_does_by_one_whose_worker_died(self):
        first = make_job()
        job = wait_for(first)
        claim(limit=1)
        engine.rescue([1], begun=[first.pk], reason="killed", retention=RETENTION, using="default")

        assert "WorkerLost: killed" in row_of(job)["errors"][0]["message"]

    def test_all_who_wait_for_who_waits_fail_in_turn(self):
        jobs = [make_job()]
        for _ in range(30):
            jobs.append(wait_for(jobs[-1]))

        end(jobs[0], FAILED)

        assert {state_of(job) for job in jobs} == {State.FAILED}
        assert [row_of(job)["ended_by"] for job in jobs[1:]] == [job.pk for job in jobs[:-1]]
        assert all(len(row_of(job)["errors"]) == 1 for job in jobs)
        assert not Job.objects.filter(unsettled=True).exists()

    def test_of_several_causes_one_is_told_once(self):
        first, second = make_jobs(2)
        job = wait_for(first, second)

        end(second, FAILED)
        end(first, FAILED)

        row = row_of(job)
        assert row["ended_by"] == second.pk
        assert len(row["errors"]) == 1

    def test_many_fail_each_by_its_own_cause(self):
        causes = make_jobs(30, name="shop.jobs.pack")
        jobs = [wait_for(cause) for cause in causes for _ in range(3)]

        cancel(*causes)
        settle()

        for number, job in enumerate(jobs):
            row = row_of(job)
            assert row["ended_by"] == causes[number // 3].pk
            assert f"#{row['ended_by']}," in row["errors"][0]["message"]


class TestRowsThatAreGone:
    def test_who_waits_for_a_deleted_row_fails(self):
        first = make_job()
        job = wait_for(first, make_job())

        Job.objects.filter(pk=first.pk).delete()
        assert settle() == 1

        row = row_of(job)
        assert (row["state"], row["ended_by"]) == (State.FAILED, first.pk)
        assert row["errors"][0]["message"] == f"It waited for a job #{first.pk}, which was deleted."
        assert not Link.objects.filter(gone=True).exists()

    def test_who_does_not_wait_any_more_is_left_alone(self):
        first = make_job()
        job = wait_for(first)
        Job.objects.filter(pk=job.pk).update(state=State.READY)
        before = row_of(job)

        Job.objects.filter(pk=first.pk).delete()
        settle()

        assert row_of(job) == before
        assert not Link.objects.exists()

    def test_the_links_of_a_deleted_job_go_with_it(self):
        first, second = make_jobs(2)
        job, other = wait_for(first), wait_for(second)

        Job.objects.filter(pk=job.pk).delete()

        assert list(Link.objects.values_list("waiting", flat=True)) == [other.pk]

    def test_prune_leaves_what_is_unsettled_and_takes_the_links_of_the_rest(self):
        past = timezone.now() - timedelta(days=1)
        first = make_job(State.SUCCEEDED, prune_at=past)
        job = wait_for(first)

        assert engine.prune(using="default") == 0
        settle()
        assert engine.prune(using="default") == 1

        assert state_of(job) == State.READY
        assert Link.objects.get().resolved  # it is told what it has waited for, as long as it lives
        cancel(job)
        Job.objects.update(prune_at=past)
        assert engine.prune(using="default") == 1
        assert not Link.objects.exists()


class TestConcurrency:
    def test_the_last_two_that_are_told_of_at_once_free_it(self):
        for _ in range(20):
            first, second = make_jobs(2, state=State.SUCCEEDED)
            job = wait_for(first, second)

            at_once(settle, settle)

            assert state_of(job) == State.READY

    def test_what_somebody_holds_is_told_of_later_and_holds_up_nobody(self):
        first = make_job(State.SUCCEEDED)
        held, free = wait_for(first), wait_for(first)
        settled: list[int] = []
        holding: list[int] = []

        def hold():
            with transaction.atomic():
                Job.objects.select_for_update().get(pk=held.pk)
                holding.append(1)
                wait_until(lambda: settled)

        def tell():
            wait_until(lambda: holding)
            settled.append(settle())

        at_once(hold, tell)

        assert settled == [0]
        assert (state_of(held), state_of(free)) == (State.BLOCKED, State.READY)
        assert row_of(first)["unsettled"] is True
        assert settle() == 1
        assert state_of(held) == State.READY

    def test_who_looks_again_is_not_stopped_by_a_thousand_that_are_held(self, monkeypatch):
        monkeypatch.setattr(sys.modules["django_jobs.engine.settle"], "PAUSES", ())
        stuck, free = make_jobs(2, state=State.SUCCEEDED)
        held, job = wait_for(stuck), wait_for(free)
        done: list[str] = []
        holding: list[int] = []

        def hold():
            with transaction.atomic():
                Job.objects.select_for_update().get(pk=held.pk)
                holding.append(1)
                wait_until(lambda: done)

        def tell():
            wait_until(lambda: holding)
            engine.settle(retention=RETENTION, using="default", batch=1)
            done.append(state_of(job))

        at_once(hold, tell)

        assert done == [State.READY]

    def test_cancelling_both_while_it_is_told_ends_well(self):
        for _ in range(20):
            job = make_job(State.BLOCKED)
            first = make_job(State.SUCCEEDED, unsettled=True)
            Link.objects.create(waiting=job, awaited=first)

            at_once(settle, partial(cancel, job, first))

            settle()
            assert state_of(job) == State.CANCELLED
            assert not Job.objects.filter(unsettled=True).exists()

    def test_a_thousand_ends_told_by_four_at_once_free_one_job_once(self):
        many = make_jobs(200, state=State.SUCCEEDED)
        job = wait_for(*many)

        def tell():
            return engine.settle(retention=RETENTION, using="default", batch=7)

        told = at_once(tell, tell, tell, tell)
        settle()

        assert state_of(job) == State.READY
        assert sum(told) <= 200
        assert not Job.objects.filter(unsettled=True).exists()
