"""Jobs that ended because of others: tried again, they go on where they were."""

from __future__ import annotations

import threading
from functools import partial

import pytest
from django.db import transaction
from django.utils import timezone

from django_jobs import engine
from django_jobs.models import Job, Link
from django_jobs.states import State
from tests.engine.test_lock_order import waiting
from tests.engine.test_settle import cancel, end, wait_for
from tests.rows import FAILED, make_job, make_jobs, row_of, settle, state_of
from tests.threads import DEADLINE, at_once, wait_until

#: Jobs that wait for one: more than other verbs take at a time.
MANY = 2_500

pytestmark = pytest.mark.django_db(transaction=True)


def retry(*jobs):
    return engine.retry([job.pk for job in jobs], using="default")


def states(*jobs):
    return [state_of(job) for job in jobs]


def chain(length):
    """Return jobs of which each waits for the one before."""
    jobs = [make_job()]
    while len(jobs) < length:
        jobs.append(wait_for(jobs[-1]))
    return jobs


class TestRetry:
    def test_all_that_a_job_has_ended_waits_for_it_again(self):
        first, second, third = chain(3)
        end(first, FAILED)

        assert retry(first) == 1

        assert states(first, second, third) == ["ready", "blocked", "blocked"]
        for job in (second, third):
            row = row_of(job)
            assert (row["ended_by"], row["finished_at"], row["prune_at"]) == (None, None, None)
            assert len(row["errors"]) == 1
        for job in (first, second, third):
            end(job)
        assert states(first, second, third) == ["succeeded"] * 3

    @pytest.mark.parametrize("which", [1, 2])
    def test_retrying_what_another_has_ended_retries_that_one(self, which):
        jobs = chain(3)
        end(jobs[0], FAILED)

        assert retry(jobs[which]) == 1

        assert states(*jobs) == ["ready", "blocked", "blocked"]

    def test_retrying_all_of_them_counts_each(self):
        jobs = chain(5)
        end(jobs[0], FAILED)

        assert retry(*jobs) == 5

        assert states(*jobs) == ["ready", *["blocked"] * 4]

    def test_it_can_fail_again(self):
        jobs = chain(3)
        for runs in (1, 2):
            end(jobs[0], FAILED)
            assert states(*jobs) == ["failed"] * 3
            assert {len(row_of(job)["errors"]) for job in jobs} == {runs}
            retry(jobs[2])

    def test_a_cause_that_was_cancelled_is_tried_again(self):
        first, second = chain(2)
        cancel(first)
        settle()

        retry(second)

        assert states(first, second) == ["ready", "blocked"]

    def test_without_its_cause_it_begins_by_itself(self):
        first, second = chain(2)
        end(first, FAILED)
        Job.objects.filter(pk=first.pk).delete()

        assert retry(second) == 1

        assert state_of(second) == State.READY
        assert row_of(second)["ended_by"] is None
        assert not Link.objects.exists()

    def test_what_it_also_waited_for_and_has_ended_meanwhile_is_told_of(self):
        bad, good, ugly = make_jobs(3)
        job, other = wait_for(bad, good), wait_for(bad, ugly)
        end(bad, FAILED)
        end(good)
        end(ugly, FAILED)

        retry(bad)
        settle()

        assert states(job, other) == ["blocked", "failed"]
        assert row_of(other)["ended_by"] == ugly.pk
        end(bad)
        assert state_of(job) == State.READY

    def test_what_succeeded_and_was_pruned_meanwhile_is_not_missed(self):
        bad, good = make_jobs(2)
        job = wait_for(bad, good)
        end(bad, FAILED)
        end(good)
        Job.objects.update(prune_at=timezone.now())
        Job.objects.exclude(pk=good.pk).update(prune_at=None)
        assert engine.prune(using="default") == 1

        retry(bad)
        end(bad)

        assert state_of(job) == State.READY

    def test_one_that_failed_by_itself_later_stays_failed(self):
        first, second = chain(2)
        end(first)
        end(second, FAILED)
        Job.objects.filter(pk=first.pk).update(state=State.FAILED)

        retry(first)

        assert states(first, second) == ["ready", "failed"]

    def test_one_whose_unique_key_is_held_stays_as_it_is(self):
        first = make_job()
        second = wait_for(first, unique_key="k")
        third, free = wait_for(second), wait_for(first)
        end(first, FAILED)
        make_job(unique_key="k")

        retry(first)
        settle()

        assert states(first, second, third, free) == ["ready", "failed", "failed", "blocked"]
        assert row_of(third)["ended_by"] == second.pk

    def test_one_whose_unique_key_somebody_is_just_taking_stays_as_it_is(self):
        first = make_job()
        second, free = wait_for(first, unique_key="k"), wait_for(first)
        end(first, FAILED)
        taken = threading.Event()

        def take():
            with transaction.atomic():
                make_job(unique_key="k")
                taken.set()
                wait_until(lambda: waiting() == 1)

        def retry_meanwhile():
            assert taken.wait(DEADLINE)
            return retry(first)

        assert at_once(take, retry_meanwhile) == [None, 1]
        settle()

        assert states(first, second, free) == ["ready", "failed", "blocked"]

    def test_thousands_wait_again(self):
        first = make_job(State.FAILED)
        Job.objects.bulk_create(
            Job(name="x", state=State.FAILED, finished_at=timezone.now(), ended_by=first.pk)
            for _ in range(MANY)
        )
        followers = Job.objects.filter(ended_by=first.pk)
        Link.objects.bulk_create(Link(waiting=job, awaited=first) for job in followers)

        retry(first)

        assert Job.objects.filter(state=State.BLOCKED).count() == MANY

    def test_a_chain_that_many_retry_at_once_is_tried_again_once(self):
        jobs = chain(10)
        end(jobs[0], FAILED)

        counts = at_once(*(partial(retry, job) for job in jobs[::3]))

        assert states(*jobs) == ["ready", *["blocked"] * 9]
        assert row_of(jobs[0])["claims"] == 2
        assert sum(counts) >= 1

    def test_retrying_and_telling_at_once_forgets_nobody(self):
        for _ in range(15):
            first = make_job(State.FAILED)
            jobs = [wait_for(first) for _ in range(5)]
            at_once(partial(retry, first), settle)
            settle()

            # Those that were told wait again, those that were not wait still.
            assert states(*jobs) == ["blocked"] * 5
            end(first)
            assert states(*jobs) == ["ready"] * 5


class TestCancel:
    def test_the_links_of_one_that_waits_go_and_what_it_waits_for_runs_on(self):
        first = make_job()
        job, other = wait_for(first), wait_for(first)

        cancel(job)

        assert list(Link.objects.values_list("waiting", flat=True)) == [other.pk]
        end(first)
        assert states(first, job, other) == ["succeeded", "cancelled", "ready"]

    def test_one_that_was_cancelled_begins_by_itself_when_tried_again(self):
        first = make_job()
        job = wait_for(first)
        cancel(job)

        retry(job)

        assert states(first, job) == ["ready", "ready"]
