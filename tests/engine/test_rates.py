"""Rates of queues, functions and keys: how many jobs start in a time."""

from __future__ import annotations

from functools import partial

import pytest
from django.db import transaction

from django_jobs import engine
from django_jobs.limits import Allowance, Limit, QueuePolicy, Room
from django_jobs.models import Job, RateLevel
from django_jobs.rates import Rate
from django_jobs.states import State
from tests.rows import ended, finish, make_job, make_jobs
from tests.threads import at_once

LANE = "tests.samples.send"
HOUR = 3600.0


def claim(worker, allowance, limit=100):
    """Claim, and return the claim with what it has."""
    one = engine.Claim(worker, (), limit, starting=True, allowance=allowance, using="default")
    one.make()
    return one


def of_lane(**limits):
    return Allowance({LANE: Limit(**limits)}, "here")


def in_lane(count, key="", **fields):
    return make_jobs(count, lane=LANE, name=LANE, concurrency_key=key, **fields)


@pytest.mark.django_db
class TestRates:
    def test_no_more_of_a_function_start_than_its_rate_allows(self, worker):
        in_lane(5)
        allowance = of_lane(rate=Rate(3, HOUR))

        assert len(claim(worker, allowance, 2).claimed) == 2
        assert len(claim(worker, allowance).claimed) == 1
        assert claim(worker, allowance).claimed == []

    def test_what_has_ended_still_counts(self, worker):
        in_lane(3)
        allowance = of_lane(rate=Rate(2, HOUR))

        for job in claim(worker, allowance).claimed:
            finish(ended(job))

        assert claim(worker, allowance).claimed == []

    def test_keys_have_rates_of_their_own(self, worker):
        in_lane(3, key="a")
        in_lane(3, key="b")
        allowance = of_lane(rate_per_key=Rate(2, HOUR), is_keyed=True)

        assert len(claim(worker, allowance).claimed) == 4
        assert set(RateLevel.objects.values_list("name", "level")) == {
            (f"key {LANE} a", 2.0),
            (f"key {LANE} b", 2.0),
        }

    def test_queues_have_rates_whatever_their_jobs_are(self, worker):
        make_jobs(4, queue="mail")
        in_lane(4, queue="mail")
        make_job(queue="other")
        allowance = Allowance(queues={"mail": QueuePolicy(rate=Rate(3, HOUR))})

        claimed = claim(worker, allowance).claimed

        assert len(claimed) == 4
        assert Job.objects.running().filter(queue="mail").count() == 3

    def test_all_rates_of_a_job_hold_at_once(self, worker):
        in_lane(9, key="a")
        allowance = of_lane(rate=Rate(5, HOUR), rate_per_key=Rate(7, HOUR), is_keyed=True)
        allowance = allowance._replace(queues={"default": QueuePolicy(rate=Rate(2, HOUR))})

        assert len(claim(worker, allowance).claimed) == 2

    def test_those_that_have_to_wait_hold_up_nobody(self, worker):
        in_lane(5, priority=9)
        free = make_job()
        allowance = of_lane(rate=Rate(1, HOUR))

        first, second = claim(worker, allowance), claim(worker, allowance)

        assert sorted(job.name for job in first.claimed) == [free.name, LANE]
        assert second.claimed == []

    def test_a_claim_says_when_the_next_may_start(self, worker):
        in_lane(5)
        allowance = of_lane(rate=Rate(2, 10.0, burst=1))

        assert claim(worker, allowance).again_in is None
        assert claim(worker, allowance).again_in == pytest.approx(5.0, abs=0.5)

    def test_a_rate_that_was_lifted_binds_nobody(self, worker):
        in_lane(5)
        claim(worker, of_lane(rate=Rate(1, HOUR)))

        assert len(claim(worker, of_lane()).claimed) == 4

    def test_no_more_is_claimed_ahead_than_starts_in_a_moment(self, worker):
        in_lane(50)
        rooms = {"": Room(40, 4)}
        slow = of_lane(rate=Rate(1000, HOUR))._replace(rooms=rooms)
        fast = of_lane(rate=Rate(100_000, 100.0))._replace(rooms=rooms)

        assert len(claim(worker, slow, 40).claimed) == 4
        assert len(claim(worker, fast, 40).claimed) == 40

    def test_levels_that_say_nothing_more_are_deleted(self, worker):
        in_lane(1)
        claim(worker, of_lane(rate=Rate(1, HOUR)))

        assert engine.forget_levels(using="default") == 0
        RateLevel.objects.update(ends=1.0)
        assert engine.forget_levels(using="default") == 1


@pytest.mark.django_db(transaction=True)
class TestManyWorkers:
    def test_a_job_that_somebody_has_locked_is_no_start(self):
        # Given two jobs under a rate of two starts, one of them locked
        [locked], [free] = in_lane(1, queue="a"), in_lane(1, queue="b")
        allowance = of_lane(rate=Rate(2, HOUR))

        def claimed():
            return [job.id for job in claim(1, allowance).claimed]

        # When somebody claims meanwhile, and again
        with transaction.atomic():
            Job.objects.select_for_update().get(pk=locked.pk)
            [meanwhile] = at_once(claimed)
        later = claimed()
        # Then both have started
        assert (meanwhile, later) == ([free.pk], [locked.pk])

    def test_a_rate_is_never_exceeded(self):
        # Given many jobs under a rate, and workers that claim as fast as they can
        in_lane(60)
        workers = [
            engine.register(
                hostname="here", pid=1, queues=(), concurrency=10, version="", using="default"
            )
            for _ in range(6)
        ]
        allowance = of_lane(rate=Rate(20, HOUR))

        def work(worker):
            for _ in range(10):
                for job in claim(worker, allowance, 3).claimed:
                    finish(ended(job))

        # When they all do so at once
        at_once(*(partial(work, worker) for worker in workers))
        # Then exactly as many have started as the rate allows
        assert Job.objects.filter(state=State.SUCCEEDED).count() == 20
