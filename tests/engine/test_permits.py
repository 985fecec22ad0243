"""Limits of lanes and hosts: how many jobs run at one time."""

from __future__ import annotations

import threading
import time
from functools import partial

import pytest
from django.db import OperationalError, connection, connections
from django.db.transaction import atomic

from django_jobs import engine, registry, stats
from django_jobs.definitions import define
from django_jobs.engine import permits
from django_jobs.engine.trips import Trips
from django_jobs.limits import Allowance, Limit, Room
from django_jobs.models import Job, Worker
from django_jobs.states import State
from tests.rows import RETENTION, ended, finish, make_job, make_jobs, row_of, sql
from tests.threads import at_once

#: The lane of a function is named after it; this one is never run.
LANE = "tests.samples.send"
#: What jobs are of that nobody limits.
OTHER = "tests.samples.anything"


def register(host="here"):
    """Register a worker on a host."""
    return engine.register(
        hostname=host, pid=1, queues=(), concurrency=10, version="", using="default"
    )


def allow(budget=None, rooms=None, host="here", **limits):
    """Return an allowance that limits one lane."""
    return Allowance({LANE: Limit(**limits)} if limits else {}, host, budget, rooms or {})


def claim(worker, allowance, limit=100, *, starting=True):
    return engine.claim(worker, (), limit, starting=starting, allowance=allowance, using="default")


def in_lane(count=1, lane=LANE, **fields):
    return make_jobs(count, lane=lane, name=lane, **fields)


def ids(jobs):
    return [job.pk if isinstance(job, Job) else job.id for job in jobs]


@pytest.mark.django_db
class TestMaxRunning:
    def test_no_more_than_the_limit_run_on_all_hosts_together(self):
        in_lane(5)
        here, there = register("here"), register("there")

        assert len(claim(here, allow(max_running=3), 2)) == 2
        assert len(claim(there, allow(max_running=3, host="there"))) == 1
        assert claim(here, allow(max_running=3)) == []

    def test_what_ends_makes_room(self, worker):
        jobs = in_lane(3)
        [first] = claim(worker, allow(max_running=1))

        finish(ended(first))

        assert ids(claim(worker, allow(max_running=1))) == [jobs[1].pk]

    def test_per_host_each_host_has_its_own(self):
        in_lane(6)
        here, beside, there = register("here"), register("here"), register("there")
        limits = {"max_running_per_host": 2}

        assert len(claim(here, allow(**limits))) == 2
        assert claim(beside, allow(**limits)) == []
        assert len(claim(there, allow(**limits, host="there"))) == 2

    def test_a_lane_at_its_limit_lets_all_others_pass(self, worker):
        in_lane(5, priority=10)
        free = make_job()
        [running, *rest] = claim(worker, allow(max_running=1))

        assert [job.name for job in rest] == [free.name]
        assert running.priority == 10

    def test_in_a_lane_the_first_ones_go_first(self, worker):
        jobs = [in_lane(priority=p)[0] for p in (1, 3, 2, 3)]

        claimed = claim(worker, allow(max_running=3))

        assert ids(claimed) == [jobs[i].pk for i in (1, 3, 2)]

    def test_one_lane_is_counted_over_all_queues(self, worker):
        in_lane(2, queue="a")
        in_lane(2, queue="b")

        assert len(claim(worker, allow(max_running=3))) == 3

    def test_a_limit_that_was_taken_away_binds_nobody(self, worker):
        in_lane(5)

        assert len(claim(worker, Allowance())) == 5

    def test_priorities_hold_across_lanes(self, worker):
        free = [make_job(priority=p) for p in (5, 1)]
        limited = [in_lane(priority=p)[0] for p in (3, 9)]

        order = [claim(worker, allow(max_running=10), 1)[0].id for _ in range(4)]

        assert order == ids([limited[1], free[0], limited[0], free[1]])

    def test_places_that_a_full_lane_leaves_are_filled_at_once(self, worker):
        make_job(priority=5)
        in_lane(9, priority=3)
        make_jobs(9, priority=0)

        claimed = claim(worker, allow(max_running=2), 8)

        assert [job.priority for job in claimed] == [5, 3, 3, 0, 0, 0, 0, 0]


@pytest.mark.django_db
class TestUnits:
    def test_the_budget_of_a_host_is_shared_by_its_workers(self):
        in_lane(5, units=2)
        here, beside, there = register("here"), register("here"), register("there")

        assert len(claim(here, allow(4, units=2), 1)) == 1
        assert len(claim(beside, allow(4, units=2))) == 1
        assert claim(here, allow(4, units=2)) == []
        assert len(claim(there, allow(4, units=2, host="there"))) == 2

    def test_jobs_without_a_limit_take_one_each(self, worker):
        make_jobs(5)

        assert len(claim(worker, Allowance(host="here", budget=3))) == 3
        assert stats.units_on_host("here", using="default") == 3

    def test_a_smaller_job_of_lower_priority_overtakes_one_that_does_not_fit(self, worker):
        in_lane(1, units=5, priority=10)
        small = make_job()

        assert ids(claim(worker, allow(4, units=5))) == [small.pk]

    def test_a_larger_job_in_a_lane_is_not_taken_for_as_large_as_the_first(self, worker):
        small, large = in_lane(units=1)[0], in_lane(units=4)[0]

        assert ids(claim(worker, allow(4, units=2))) == [small.pk]
        assert row_of(large)["state"] == State.READY

    def test_a_job_of_no_units_runs_on_a_full_host(self, worker):
        make_jobs(2)
        [free] = in_lane(units=0, priority=-1)

        assert ids(claim(worker, allow(2, units=0)))[2:] == [free.pk]

    def test_without_a_budget_units_are_not_looked_at(self, worker):
        in_lane(3, units=50_000)

        assert len(claim(worker, Allowance())) == 3


@pytest.mark.django_db
class TestDeadWorkers:
    def test_their_jobs_count_until_they_are_rescued_and_then_no_more(self, worker):
        in_lane(3, units=2, max_attempts=5)
        dead = register()
        claim(dead, allow(4, units=2))
        Worker.objects.filter(pk=dead).update(heartbeat_at="2020-01-01T00:00Z")

        assert claim(worker, allow(4, units=2)) == []

        engine.rescue_dead(timeout=30, retention=RETENTION, using="default")
        assert len(claim(worker, allow(4, units=2))) == 2

    def test_jobs_that_were_given_back_hold_nothing(self, worker):
        in_lane(3)
        claimed = claim(worker, allow(max_running=2))

        engine.release(claimed, using="default")

        assert stats.running_in_lane(LANE, using="default") == 0
        assert len(claim(worker, allow(max_running=2))) == 2


@pytest.mark.django_db
class TestMisplaced:
    """Jobs without a lane whose function has a limit: from SQL, or from before it had one."""

    def test_they_are_put_into_their_lane_and_keep_to_the_limit(self, worker):
        make_jobs(5, name=LANE)

        claimed = claim(worker, allow(max_running=2, units=3, budget=100))

        assert len(claimed) == 2
        assert set(Job.objects.values_list("lane", "units")) == {(LANE, 3)}

    def test_they_hold_up_nobody_behind_them(self, worker):
        make_jobs(3, name=LANE, priority=5)
        free = make_job()

        assert len(claim(worker, allow(max_running=1))) == 2
        assert row_of(free)["state"] == State.RUNNING

    def test_none_slips_through_in_the_middle_of_a_batch(self, worker):
        for number in range(20):
            make_job(name=LANE if number % 2 else OTHER)

        claimed = claim(worker, allow(max_running=1), 50)

        assert sorted(job.name for job in claimed) == [OTHER] * 10 + [LANE]

    def test_units_that_a_row_states_are_kept(self, worker):
        make_job(name=OTHER, units=3)

        assert claim(worker, Allowance(host="here", budget=2)) == []
        assert len(claim(worker, Allowance(host="here", budget=3))) == 1
        assert Job.objects.values_list("lane", "units").get() == (OTHER, 3)

    def test_more_than_one_batch_of_them_is_put_in_place_by_one_claim(self, worker):
        sql(
            "INSERT INTO django_jobs_job (name, priority) SELECT %s, 1 FROM generate_series(1, "
            "2500)",
            LANE,
        )
        free = make_job()

        assert len(claim(worker, allow(max_running=1))) == 2
        assert row_of(free)["state"] == State.RUNNING
        assert Job.objects.filter(lane=LANE).count() == 2500


@pytest.mark.django_db
class TestPlaces:
    """Jobs of an executor with places of its own."""

    ROOMS = {"": Room(5, 5), "process": Room(2, 2)}

    def test_they_have_room_of_their_own(self, worker):
        in_lane(9)
        make_jobs(9)

        claimed = claim(worker, allow(rooms=self.ROOMS, places="process"), 7)

        assert sorted(job.name for job in claimed) == [OTHER] * 5 + [LANE] * 2

    @pytest.mark.parametrize(("full", "name"), [("", LANE), ("process", OTHER)])
    def test_one_kind_of_places_that_is_full_stops_no_other(self, full, name, worker):
        in_lane(9, priority=1)
        make_jobs(9)
        rooms = {**self.ROOMS, full: Room(0, 0)}

        claimed = claim(worker, allow(rooms=rooms, places="process"))

        assert {job.name for job in claimed} == {name}

    def test_each_kind_says_for_itself_what_starts_at_once(self, worker):
        [ahead] = in_lane()
        now = make_job()
        rooms = {"": Room(5, 5), "process": Room(50, 0)}

        claim(worker, allow(rooms=rooms, places="process"))

        assert row_of(ahead)["started_at"] is None
        assert row_of(now)["started_at"] is not None


@pytest.mark.django_db
def test_a_limit_that_a_module_declares_when_it_is_imported_holds_from_the_first_job(
    worker, own_registry, monkeypatch
):
    # Given jobs in a lane of a function that this process has not imported yet
    in_lane(5, lane="tests.late.bounded")

    def import_late(name):
        definition = define(late, name, None, max_running=2)
        registry.register(definition)
        return definition

    monkeypatch.setattr(registry, "_imported", import_late)
    # When it claims, then it claims none of them before it knows their limit
    assert claim(worker, Allowance(registry.limits())) == []
    assert len(claim(worker, Allowance(registry.limits()))) == 2


def late():
    pass


@pytest.mark.django_db(transaction=True)
class TestManyWorkers:
    @pytest.mark.parametrize(
        ("limits", "budget"),
        [({"max_running": 3}, None), ({"max_running_per_host": 3}, None), ({"units": 2}, 7)],
        ids=str,
    )
    def test_a_limit_is_never_exceeded(self, limits, budget):
        # Given many jobs in a lane, and workers that claim and finish as fast as they can
        in_lane(60, units=limits.get("units", 1))
        workers = [register() for _ in range(6)]
        most = []

        def work(worker):
            while Job.objects.filter(state=State.READY).exists():
                for job in claim(worker, allow(budget, **limits), 2):
                    most.append(Job.objects.running().count())
                    finish(ended(job))

        # When they all do so at once
        at_once(*(partial(work, worker) for worker in workers))
        # Then at no moment have more been running
        assert len(most) == 60
        assert max(most) == 3

    def test_nobody_waits_long_for_a_worker_that_was_stopped_in_its_claim(self):
        # Given a worker that holds the lock of a lane, and does not go on
        in_lane(1)
        free = make_job()
        locked, go_on = threading.Event(), threading.Event()

        def be_stopped():
            with Trips("default").transaction() as transaction:
                transaction.send(permits.locking([f"django_jobs lane {LANE}"]))
                locked.set()
                go_on.wait(20)

        def claim_beside():
            locked.wait(20)
            began = time.monotonic()
            claimed = claim(register(), allow(max_running=1))
            go_on.set()
            return claimed, time.monotonic() - began

        # When another one claims
        _, (claimed, seconds) = at_once(be_stopped, claim_beside)
        # Then it gets what is in other lanes
        assert ids(claimed) == [free.pk]
        assert seconds < 5

    @pytest.mark.session("sets its own statement_timeout")
    def test_a_claim_that_the_server_ends_is_an_error_and_leaves_nothing(self):
        # Given a lane whose lock somebody holds
        in_lane(1)

        def claim_in_haste():
            sql("SET statement_timeout = '50ms'")
            try:
                with pytest.raises(OperationalError, match="statement timeout"):
                    claim(1, allow(max_running=1))
                return claim(1, Allowance())
            finally:
                connections.close_all()

        with Trips("default").transaction() as transaction:
            transaction.send(permits.locking([f"django_jobs lane {LANE}"]))
            # When the server has less patience than a claim
            [claimed] = at_once(claim_in_haste)
        # Then that is told, and the next one of the connection is as any other
        assert len(claimed) == 1

    def test_what_somebody_else_puts_into_its_lane_is_left_to_him(self):
        # Given jobs that wait outside of their lane, and are locked
        make_jobs(2, name=LANE, queue="a")
        free = make_job(queue="b")

        # When one claims meanwhile, and again
        with atomic():
            list(Job.objects.select_for_update().filter(name=LANE))
            [meanwhile] = at_once(lambda: ids(claim(1, allow(max_running=5))))
        later = claim(1, allow(max_running=5))

        # Then they are claimed once they are in it
        assert meanwhile == [free.pk]
        assert [job.name for job in later] == [LANE] * 2

    def test_the_server_ends_the_claim_of_a_worker_that_does_not_go_on(self):
        settings = {}

        with Trips("default").transaction() as transaction:
            transaction.send(permits.locking([f"django_jobs lane {LANE}"]))
            for name in ("lock_timeout", "idle_in_transaction_session_timeout"):
                [(settings[name],)] = sql(f"SHOW {name}")

        assert settings == {
            "lock_timeout": "500ms",
            "idle_in_transaction_session_timeout": "5s",
        }
        assert sql("SHOW lock_timeout") == [("0",)]

    def test_without_limits_a_claim_is_two_statements_and_no_transaction(
        self, django_assert_num_queries
    ):
        worker = register()
        make_jobs(1)
        claim(worker, Allowance())  # the first one compiles its statement, in a transaction
        make_jobs(3)

        with django_assert_num_queries(2):
            assert len(claim(worker, Allowance())) == 3
        assert connection.in_atomic_block is False
        connections.close_all()
