"""Concurrency keys: limits per key, fair turns, strict order."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest
from django.db import connection

from django_jobs import engine, enqueue, enqueue_many, job, registry
from django_jobs.exceptions import InvalidOption
from django_jobs.limits import Allowance, Limit, QueuePolicy, Room
from django_jobs.models import Job
from django_jobs.outcomes import Failed
from django_jobs.rates import Rate
from django_jobs.services.ager import Ager
from django_jobs.states import State
from tests.rows import FAILED, FAULT, ended, finish, make_job, make_jobs, row_of, sql
from tests.threads import at_once

LANE = "tests.samples.send"


def allow(**limits):
    return Allowance({LANE: Limit(is_keyed=True, **limits)}, "here")


def claim(worker, allowance, limit=100):
    return engine.claim(worker, (), limit, starting=True, allowance=allowance, using="default")


def of_key(key, count=1, **fields):
    return make_jobs(count, lane=LANE, name=LANE, concurrency_key=key, **fields)


def keys(jobs):
    return sorted(row_of(job)["concurrency_key"] for job in jobs)


@pytest.mark.django_db
class TestLimitsPerKey:
    def test_no_more_of_a_key_run_than_its_limit(self, worker):
        of_key("a", 5)
        of_key("b", 1)

        assert keys(claim(worker, allow(max_running_per_key=2))) == ["a", "a", "b"]
        assert claim(worker, allow(max_running_per_key=2)) == []

    def test_of_a_key_that_lines_up_as_many_are_claimed_as_may_stand_in_line(self, worker):
        # Given more jobs of a key than may stand in line, and a place that is free at once
        of_key("a", 9)
        rooms = {"": Room(limit=50, free=50, line=4)}
        allowance = allow(max_running_per_key=1, lines_up=True)._replace(rooms=rooms)
        # When they are claimed, and claimed once more
        first, again = claim(worker, allowance), claim(worker, allowance)
        # Then a line of them is, in their order, and nothing more while one of it is not recorded
        assert [job.id for job in first] == sorted(job.id for job in first)
        assert len({job.line for job in first}) == 1
        assert (len(first), again) == (4, [])
        # And none of them counts as started: who dies with it is not charged for it
        assert not Job.objects.running().filter(started_at__isnull=False).exists()

    @pytest.mark.parametrize(
        ("limits", "bounds"),
        [
            ({"max_running_per_key": 1}, {}),
            ({"max_running_per_key": 2, "lines_up": True}, {}),
            ({"max_running_per_key": 1, "lines_up": True}, {"budget": 300}),
            (
                {"max_running_per_key": 1, "lines_up": True},
                {"queues": {"default": QueuePolicy(max_running=20)}},
            ),
            (
                {"max_running_per_key": 1, "lines_up": True},
                {"queues": {"default": QueuePolicy(concurrency=20)}},
            ),
            ({"max_running_per_key": 1, "lines_up": True, "rate": Rate(1000, 1.0)}, {}),
        ],
    )
    def test_nobody_stands_in_line_with_a_permit_that_others_could_use(
        self, worker, limits, bounds
    ):
        of_key("a", 9)
        rooms = {"": Room(limit=50, free=50, line=4)}

        claimed = claim(worker, allow(**limits)._replace(rooms=rooms, **bounds))

        assert len(claimed) == limits["max_running_per_key"]

    def test_a_key_at_its_limit_holds_up_nobody(self, worker):
        of_key("a", 5, priority=9)
        others = of_key("b", 2), make_job()

        claim(worker, allow(max_running_per_key=1))

        assert keys(Job.objects.running()) == ["", "a", "b"]
        assert row_of(others[1])["state"] == State.RUNNING

    def test_one_key_is_counted_over_all_queues(self, worker):
        of_key("a", 2, queue="x")
        of_key("a", 2, queue="y")

        assert len(claim(worker, allow(max_running_per_key=3))) == 3

    def test_the_limit_of_all_keys_together_holds_too(self, worker):
        for key in "abcdef":
            of_key(key, 3)

        claimed = claim(worker, allow(max_running_per_key=2, max_running=5))

        assert len(claimed) == 5
        assert len(set(keys(claimed))) == 5

    def test_keys_take_turns(self, worker):
        of_key("giant", 50)
        for key in "abc":
            of_key(key, 2)

        order = [keys(claim(worker, allow(), 4)) for _ in range(3)]

        assert order == [["a", "b", "c", "giant"], ["a", "b", "c", "giant"], ["giant"] * 4]


@pytest.mark.django_db
class TestStrictOrder:
    ORDERED = allow(is_ordered=True)

    def test_one_of_a_key_runs_at_a_time(self, worker):
        first, second = of_key("a", 2)
        of_key("b", 2)

        assert keys(claim(worker, self.ORDERED)) == ["a", "b"]
        assert row_of(second)["state"] == State.READY
        assert row_of(first)["state"] == State.RUNNING

    def test_the_next_waits_until_the_one_before_has_ended_for_good(self, worker):
        first, second = of_key("a", 2, max_attempts=2)
        [running] = claim(worker, self.ORDERED)
        # When the first is to be tried again later, nobody overtakes it
        finish(ended(running, LATER))
        assert claim(worker, self.ORDERED) == []
        # When it is due, it goes first
        Job.objects.filter(pk=first.pk).update(scheduled_at="2020-01-01T00:00Z")
        engine.promote(using="default")
        [again] = claim(worker, self.ORDERED)
        assert again.id == first.pk
        # When it has failed for good, the next one goes
        finish(ended(again, FAILED))
        assert [job.id for job in claim(worker, self.ORDERED)] == [second.pk]

    def test_what_is_scheduled_for_later_and_has_not_begun_holds_up_nobody(self, worker):
        of_key("a", state=State.SCHEDULED, scheduled_at="2999-01-01T00:00Z")
        [now] = of_key("a")

        assert [job.id for job in claim(worker, self.ORDERED)] == [now.pk]

    def test_all_jobs_have_the_priority_of_the_function(self, own_registry):
        ordered = job(ordered=True, concurrency_key="a", priority=3)(work)

        with pytest.raises(InvalidOption, match="is ordered"):
            enqueue(ordered.job.with_kwargs(tenant=1).with_priority(9))


LATER = Failed(FAULT, delay=60.0)


@pytest.mark.usefixtures("db", "own_registry")
class TestRows:
    def test_the_key_is_worked_out_from_the_arguments(self):
        keyed = job(concurrency_key=lambda tenant: f"tenant-{tenant}")(work)

        row = enqueue(keyed.job.with_kwargs(tenant=7))

        assert (row.lane, row.concurrency_key) == ("tests.engine.test_keys.work", "tenant-7")
        assert row_of(row)["concurrency_key"] == "tenant-7"

    def test_many_at_once_have_each_their_own(self):
        keyed = job(concurrency_key=lambda tenant: str(tenant))(work)

        enqueue_many([keyed.job.with_kwargs(tenant=n % 3) for n in range(90)])

        assert set(Job.objects.values_list("concurrency_key", flat=True)) == {"0", "1", "2"}

    def test_a_spec_may_say_its_own(self):
        keyed = job(concurrency_key="all")(work)

        row = enqueue(keyed.job.with_kwargs(tenant=7).with_concurrency_key("vip"))

        assert row_of(row)["concurrency_key"] == "vip"

    def test_limits_per_key_need_a_key(self):
        for option in ({"max_running_per_key": 1}, {"rate_limit_per_key": "1/s"}):
            with pytest.raises(InvalidOption, match="give a concurrency_key too"):
                job(**option)(work)

    def test_rows_from_sql_get_their_keys_before_they_run(self, worker):
        job(concurrency_key=lambda tenant: str(tenant), max_running_per_key=1)(work)
        for number in range(6):
            sql(
                "INSERT INTO django_jobs_job (name, kwargs) VALUES (%s, %s)",
                "tests.engine.test_keys.work",
                f'{{"tenant": {number % 2}}}',
            )

        claimed = claim(worker, Allowance(registry.limits(), "here"))

        assert keys(claimed) == ["0", "1"]
        assert (
            sorted(Job.objects.values_list("concurrency_key", flat=True)) == ["0"] * 3 + ["1"] * 3
        )

    @pytest.mark.parametrize("bad", [{"tennant": 1}, {"tenant": 0}], ids=["no call", "an error"])
    def test_a_row_from_sql_whose_key_cannot_be_worked_out_holds_up_nobody(
        self, bad, worker, caplog
    ):
        # Given two rows from SQL, one of which the function of the key cannot do anything with
        job(concurrency_key=divided, max_running_per_key=1)(work)
        for kwargs in (bad, {"tenant": 4}):
            make_job(name="tests.engine.test_keys.work", kwargs=kwargs)
        # When they are claimed
        claimed = claim(worker, Allowance(registry.limits(), "here"))
        # Then both are, for the run of the one to say what is wrong
        assert keys(claimed) == ["", "25"]
        assert "job.without_key name=tests.engine.test_keys.work" in caplog.text

    def test_a_key_that_is_text_needs_no_arguments_that_can_be_read(self, worker):
        job(concurrency_key="all", max_running_per_key=1)(work)
        gone = {"tenant": {"$model": ["django_jobs.job", 0, "default"]}}
        make_job(name="tests.engine.test_keys.work", kwargs=gone)

        assert keys(claim(worker, Allowance(registry.limits(), "here"))) == ["all"]


@pytest.mark.django_db(transaction=True)
class TestManyWorkers:
    @pytest.mark.parametrize("limits", [{"max_running_per_key": 2}, {"is_ordered": True}], ids=str)
    def test_a_limit_per_key_is_never_exceeded(self, limits):
        # Given jobs of several keys, and workers that claim and finish as fast as they can
        for key in "abc":
            of_key(key, 20)
        workers = [
            engine.register(
                hostname="here", pid=1, queues=(), concurrency=10, version="", using="default"
            )
            for _ in range(5)
        ]
        most = []

        def work(worker):
            while Job.objects.filter(state=State.READY).exists():
                for claimed in claim(worker, allow(**limits), 2):
                    key = row_of(claimed)["concurrency_key"]
                    most.append(Job.objects.running().filter(concurrency_key=key).count())
                    finish(ended(claimed))

        # When they all do so at once
        at_once(*(partial(work, worker) for worker in workers))
        # Then at no moment have more of one key been running
        assert len(most) == 60
        assert max(most) <= (2 if "max_running_per_key" in limits else 1)


@pytest.mark.usefixtures("db", "own_registry")
class TestExpiry:
    def test_what_has_expired_is_cancelled_wherever_it_waits(self, worker):
        jobs = [
            make_job(state, expires_at="2020-01-01T00:00Z")
            for state in (State.READY, State.SCHEDULED, State.BLOCKED)
        ]
        later = make_job(expires_at="2999-01-01T00:00Z")

        assert engine.expire(retention=60, using="default", batch=2) == 3

        assert {row_of(job)["state"] for job in jobs} == {State.CANCELLED}
        assert {row_of(job)["note"] for job in jobs} == {"It expired before it began."}
        assert row_of(later)["state"] == State.READY

    @pytest.mark.parametrize("count", [1, 60])
    @pytest.mark.parametrize("delay", [None, timedelta(hours=1)])
    def test_the_time_counts_from_when_the_job_is_due(self, count, delay):
        spec = job(expires_after=timedelta(minutes=5))(work).job.with_kwargs(tenant=1)
        spec = spec if delay is None else spec.with_scheduled_at(delay)

        enqueue_many([spec] * count)

        for row in Job.objects.all():
            assert lifetime(row) == timedelta(minutes=5)

    def test_a_retry_by_hand_starts_the_clock_anew(self):
        row = enqueue(job(expires_after=300)(work).job.with_kwargs(tenant=1))
        Job.objects.update(
            state=State.FAILED, finished_at="2020-01-01T00:00Z",
            scheduled_at="2020-01-01T00:00Z", expires_at="2020-01-01T00:05Z",
        )  # fmt: skip

        engine.retry([row.pk], using="default")

        row = Job.objects.get()
        assert lifetime(row) == timedelta(minutes=5)


@pytest.mark.django_db
class TestAgeing:
    def test_what_waits_for_long_is_raised_step_by_step(self):
        old, young = make_job(enqueued_at="2020-01-01T00:00Z"), make_job()

        assert engine.age(after=60, by=2, up_to=3, using="default") == 1
        assert (row_of(old)["priority"], row_of(young)["priority"]) == (2, 0)
        # The same again at once finds nothing to do, and never goes above the top
        assert engine.age(after=60, by=2, up_to=3, using="default") == 0
        Job.objects.update(aged_at="2020-01-01T00:00Z")
        assert engine.age(after=60, by=2, up_to=3, using="default") == 2
        assert row_of(old)["priority"] == 3

    def test_only_named_queues_where_some_are(self):
        for queue in ("a", "b"):
            make_job(queue=queue, enqueued_at="2020-01-01T00:00Z")

        assert engine.age(after=60, up_to=5, queues=["a"], using="default") == 1

    def test_a_service_raises_as_the_settings_say(self):
        old = make_job(enqueued_at="2020-01-01T00:00Z")
        ager = Ager(60, "default", {"after": 60, "by": 2, "up_to": 3})

        assert (ager.run_once(), ager.run_once()) == (1, 0)
        assert row_of(old)["priority"] == 2


def work(tenant: int) -> None:
    pass


def divided(tenant: int) -> str:
    """Return a key that the database works out."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 100 / %s", [tenant])
        return str(cursor.fetchone()[0])


def lifetime(row):
    assert row.expires_at is not None
    return row.expires_at - row.scheduled_at
