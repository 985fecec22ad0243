"""claim: ready → running."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest
from django.db import connection, transaction
from django.utils import timezone

from django_jobs import engine
from django_jobs.limits import Allowance, QueuePolicy
from django_jobs.models import Job, Queue
from django_jobs.states import State
from tests.rows import claim, make_job, make_jobs, rescue, row_of
from tests.threads import at_once


@pytest.mark.django_db
class TestOwnership:
    def test_a_claimed_job_is_running_owned_and_charged(self, worker):
        job = make_job(max_attempts=3)

        [claimed] = claim(worker)

        row = row_of(job)
        assert (row["state"], row["worker_id"]) == (State.RUNNING, worker)
        assert (row["attempts"], row["claims"]) == (1, 1)
        assert row["started_at"] is not None
        assert (claimed.id, claimed.claims, claimed.attempts) == (job.pk, 1, 1)
        assert claimed.max_attempts == 3

    def test_a_prefetched_job_has_not_started(self, worker):
        job = make_job()

        engine.claim(worker, (), 1, starting=False, using="default")

        assert row_of(job)["started_at"] is None

    def test_what_a_run_needs_comes_along(self, worker):
        make_job(args=[1], kwargs={"a": {"$uuid": "x"}}, timeout=timedelta(minutes=2), priority=4)

        [claimed] = claim(worker)

        assert (claimed.name, claimed.args) == ("tests.samples.anything", "[1]")
        assert claimed.kwargs == '{"a": {"$uuid": "x"}}'
        assert (claimed.timeout, claimed.priority) == (120.0, 4)

    @pytest.mark.parametrize("state", sorted(set(State) - {State.READY}))
    def test_only_ready_jobs_are_claimed(self, state, worker):
        job = make_job(state)
        before = row_of(job)

        assert claim(worker) == []
        assert row_of(job) == before

    def test_nothing_is_claimed_from_an_empty_table(self, worker):
        assert claim(worker) == []


@pytest.mark.django_db
class TestOrder:
    def test_higher_priorities_first_and_ties_in_the_order_received(self, worker):
        low, first, second, high = (make_job(priority=p) for p in (-10, 0, 0, 10))

        order = [claim(worker, 1)[0].id for _ in range(4)]

        assert order == [high.pk, first.pk, second.pk, low.pk]

    def test_one_batch_comes_in_the_same_order(self, worker):
        jobs = [make_job(priority=p) for p in (1, 3, 2, 3)]

        claimed = claim(worker, 10)

        assert [job.id for job in claimed] == [jobs[i].pk for i in (1, 3, 2, 0)]

    def test_no_more_are_claimed_than_asked_for(self, worker):
        make_jobs(5)

        assert len(claim(worker, 3)) == 3
        assert Job.objects.ready().count() == 2

    def test_priorities_hold_across_queues(self, worker):
        jobs = [make_job(queue=q, priority=p) for q, p in [("a", 1), ("b", 9), ("a", 5), ("c", 3)]]

        order = [claim(worker, 1)[0].id for _ in range(4)]

        assert order == [jobs[i].pk for i in (1, 2, 3, 0)]

    def test_a_batch_never_passes_over_the_first_job_of_another_queue(self, worker):
        make_jobs(3, queue="a", priority=1)
        make_jobs(2, queue="b", priority=5)
        make_jobs(2, queue="c", priority=3)

        claimed = claim(worker, 4)

        assert [job.priority for job in claimed] == [5, 5, 3, 3]

    def test_every_job_is_claimed_in_the_end(self, worker):
        for number in range(30):
            make_job(queue=f"queue-{number % 7}", priority=number % 4)

        claimed = [job for _ in range(30) for job in claim(worker, 4)]

        assert len({job.id for job in claimed}) == 30


@pytest.mark.django_db
class TestQueues:
    def test_a_worker_claims_from_its_queues_only(self, worker):
        mine = make_job(queue="mine")
        make_job(queue="other", priority=100)

        assert [job.id for job in claim(worker, queues=["mine", "unheard-of"])] == [mine.pk]

    @pytest.mark.parametrize("queues", [[], ["a", "b"], ["b", "a"]])
    def test_of_equal_priorities_the_job_received_first_goes_first(self, queues, worker):
        jobs = [make_job(queue=queue) for queue in "baab"]

        order = [claim(worker, 1, queues)[0].id for _ in jobs]

        assert order[0] == jobs[0].pk
        assert sorted(order) == [job.pk for job in jobs]

    def test_a_paused_queue_rests_and_the_others_go_on(self, worker):
        make_job(queue="resting", priority=100)
        awake = make_job(queue="awake")
        engine.pause_queue("resting", using="default")

        assert [job.id for job in claim(worker)] == [awake.pk]

    def test_a_pause_ends_by_itself(self, worker):
        job = make_job(queue="resting")
        past = timezone.now() - timedelta(seconds=1)
        Queue.objects.create(name="resting", paused_at=past - timedelta(hours=1), resume_at=past)

        assert [claimed.id for claimed in claim(worker)] == [job.pk]

    def test_no_more_of_a_queue_run_than_its_limit_whoever_claims(self, worker):
        make_jobs(5, queue="mail")
        free = make_job(queue="free")
        limits = Allowance(queues={"mail": QueuePolicy(max_running=3)})

        assert len(claim_under(limits, worker, 2)) == 2
        assert [job.name for job in claim_under(limits, worker + 1)] == [free.name] * 2
        assert claim_under(limits, worker) == []

    def test_each_worker_has_places_of_its_own_for_a_queue(self, worker):
        make_jobs(5, queue="mail")
        limits = Allowance(queues={"mail": QueuePolicy(concurrency=2)})

        counts = [len(claim_under(limits, who)) for who in (worker, worker, worker + 1, worker + 2)]

        assert counts == [2, 0, 2, 1]


def claim_under(allowance, worker, limit=100):
    return engine.claim(worker, (), limit, starting=True, allowance=allowance, using="default")


@pytest.mark.django_db(transaction=True)
class TestManyWorkers:
    def test_no_job_is_claimed_twice(self):
        jobs = make_jobs(120)

        def take_all(worker):
            taken = []
            while claimed := claim(worker, 7):
                taken += claimed
            return taken

        shares = at_once(*(partial(take_all, worker) for worker in range(1, 9)))

        ids = [job.id for share in shares for job in share]
        assert sorted(ids) == [job.pk for job in jobs]
        assert set(Job.objects.values_list("claims", "attempts")) == {(1, 1)}

    def test_a_job_that_was_lost_and_met_again_in_one_claim_is_held_once(self):
        # Given jobs that take two looks
        make_jobs(2, queue="mail", priority=2, max_attempts=2)
        make_jobs(2, queue="default", priority=1)
        lost: list[engine.Rescued] = []

        def lose_the_first(execute, statement, params, many, context):
            answer = execute(statement, params, many, context)
            if "SET state = 'running'" in statement and not lost:
                # A rescuer who takes us for dead, since we were slow.
                lost.extend(*at_once(lambda: rescue([1])))
            return answer

        # When what the first look has claimed is rescued before the second
        with connection.execute_wrapper(lose_the_first):
            claimed = claim(worker=1)

        # Then the last claim of each is the one that we have
        assert len(lost) == 2
        rows = Job.objects.order_by("id").values_list("id", "claims")
        assert sorted((job.id, job.claims) for job in claimed) == list(rows)

    def test_a_locked_row_is_passed_over(self):
        locked, free = make_jobs(2)

        with transaction.atomic():
            Job.objects.select_for_update().get(pk=locked.pk)
            [claimed] = at_once(claim)

        assert [job.id for job in claimed] == [free.pk]
