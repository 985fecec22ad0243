"""fire: due schedules become jobs, each tick at most once."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from importlib import import_module

import pytest
from django.db import transaction

from django_jobs import cancel, engine
from django_jobs.decorators import job
from django_jobs.engine.due import GRACE, MOST_MADE_UP
from django_jobs.models import Job, Queue, Schedule
from tests.clocks import DatabaseClock, make_schedule
from tests.plans import statements_of, ways_into, ways_into_jobs
from tests.rows import claim, ended, finish, sql
from tests.threads import at_once

#: Clocks in Paris are set back that night.
NIGHT = datetime(2026, 10, 24, 12, 0, 30, tzinfo=UTC)


@pytest.fixture
def clock(db):
    """Return the database's clock, on an evening; there are no schedules yet."""
    Schedule.objects.all().delete()
    return DatabaseClock(NIGHT)


def fire(**how):
    return engine.fire(using="default", **how)


def ticks(**of):
    """Return the ticks that jobs were made for, in the order of the jobs."""
    return list(Job.objects.filter(**of).order_by("id").values_list("tick", flat=True))


def minute(hour, minutes, day=24):
    return datetime(2026, 10, day, hour, minutes, tzinfo=UTC)


class TestTicks:
    def test_nothing_fires_before_the_first_tick(self, clock):
        make_schedule(clock)
        assert fire().count == 0
        assert Schedule.objects.get().next_tick == minute(12, 1)

    def test_a_tick_makes_one_job_that_knows_where_it_comes_from(self, clock):
        # Given a schedule with all that a row may say
        schedule = make_schedule(
            clock, function="tests.samples.send", args=[7], kwargs={"note": "!"}, queue="urgent",
            priority=9,
        )  # fmt: skip
        # When its tick comes
        fire()
        clock.step(seconds=30)
        fired = fire()
        # Then there is one job, as the row says and else as the function declares
        made = Job.objects.get()
        assert fired.count == 1
        assert (made.name, made.args, made.kwargs) == ("tests.samples.send", [7], {"note": "!"})
        assert (made.queue, made.priority, made.max_attempts) == ("urgent", 9, 3)
        assert (made.state, made.schedule, made.tick) == (Job.State.READY, schedule, minute(12, 1))
        # And the schedule knows it
        schedule.refresh_from_db()
        assert (schedule.last_tick, schedule.next_tick) == (minute(12, 1), minute(12, 2))
        assert (schedule.last_job, schedule.note) == (made, None)
        assert list(schedule.jobs.all()) == [made]

    def test_a_tick_fires_once_however_often_it_is_looked_for(self, clock):
        make_schedule(clock)
        clock.step(minutes=1)
        assert [fire().count for _ in range(3)] == [1, 0, 0]

    def test_arguments_come_back_as_what_they_were(self, clock):
        make_schedule(clock, kwargs={"day": {"$date": "2026-10-24"}})
        clock.step(minutes=1)
        fire()
        assert Job.objects.get().kwargs == {"day": {"$date": "2026-10-24"}}

    def test_how_long_until_the_next_tick_is_told(self, clock):
        first = make_schedule(clock)
        make_schedule(clock, every=timedelta(hours=1))
        assert fire().wait == 30.0
        assert fire(without=[first.pk]).wait == 3600.0

    def test_nothing_to_wait_for_without_schedules(self, clock):
        assert fire().wait is None

    @pytest.mark.parametrize("hidden", [{"is_enabled": False}, {"source": "withdrawn"}])
    def test_what_is_switched_off_does_not_tick(self, clock, hidden):
        make_schedule(clock, **hidden)
        clock.step(hours=1)
        assert (fire().count, fire().wait) == (0, None)

    def test_a_row_of_sql_needs_a_name_a_function_and_a_time(self, clock):
        sql(
            "INSERT INTO django_jobs_schedule (name, function, cron) "
            "VALUES ('by hand', 'tests.samples.anything', '* * * * * *')"
        )
        clock.set(datetime.now(UTC) + timedelta(minutes=1))
        assert fire().count == 1

    def test_the_queues_of_the_jobs_get_their_rows(self, clock):
        with transaction.atomic():
            make_schedule(clock, queue="brand new")
            clock.step(minutes=1)
            fire()
        # On commit, which a test has none of: it is on its way.
        assert Job.objects.get().queue == "brand new"
        assert not Queue.objects.filter(name="brand new").exists()

    def test_many_are_fired_in_batches(self, clock):
        for _ in range(60):
            make_schedule(clock)
        clock.step(minutes=1)
        fired = fire(batch=25)
        assert (fired.count, len(fired.jobs)) == (60, 3)
        assert ticks() == [minute(12, 1)] * 60
        made = dict(Job.objects.values_list("schedule", "id"))
        assert made == dict(Schedule.objects.values_list("id", "last_job"))


class TestBounds:
    def test_a_start_in_the_future_is_waited_for(self, clock):
        make_schedule(clock, start_at=minute(14, 0))
        fire()
        assert Schedule.objects.get().next_tick == minute(14, 0)

    def test_after_its_last_tick_it_is_over(self, clock):
        make_schedule(clock, end_at=minute(12, 2))
        found = []
        for _ in range(5):
            clock.step(minutes=1)
            found.append(fire().count)
        assert found == [1, 1, 0, 0, 0]
        schedule = Schedule.objects.get()
        assert (schedule.is_over, schedule.next_tick) == (True, None)

    def test_it_goes_on_when_its_end_is_put_off(self, clock):
        make_schedule(clock, end_at=minute(12, 1))
        clock.step(minutes=1)
        fire()
        schedule = Schedule.objects.get()
        schedule.end_at = None
        schedule.save()
        fire()
        assert Schedule.objects.get().next_tick == minute(12, 2)

    def test_an_interval_without_a_start_first_ticks_after_one_interval(self, clock):
        make_schedule(clock, every=timedelta(minutes=10))
        clock.step(minutes=25)
        assert fire().count == 1
        assert ticks() == [NIGHT + timedelta(minutes=20)]

    def test_it_ticks_whatever_became_of_its_job(self, clock):
        make_schedule(clock)
        for _ in range(3):
            clock.step(minutes=1)
            fire()
            cancel(Job.objects.order_by("id").reverse()[0])
        assert len(ticks(state="cancelled")) == 3

    def test_a_night_in_which_the_clock_is_set_back_has_one_tick(self, clock):
        make_schedule(clock, cron="30 2 * * *", timezone="Europe/Paris")
        for _ in range(36):
            clock.step(hours=0.5)
            fire()
        assert ticks() == [minute(0, 30, day=25)]


class TestMissed:
    @pytest.mark.parametrize(
        ("missed", "expected"), [("skip", [15]), ("once", [15]), ("all", [*range(1, 16)])]
    )
    def test_of_many_ticks_the_policy_says_which_make_jobs(self, clock, missed, expected):
        make_schedule(clock, missed=missed)
        fire()
        clock.step(minutes=15)
        fire()
        assert ticks() == [minute(12, n) for n in expected]
        schedule = Schedule.objects.get()
        assert (schedule.last_tick, schedule.next_tick) == (minute(12, 15), minute(12, 16))
        assert Job.objects.latest("id").pk == schedule.last_job_id

    @pytest.mark.parametrize(("missed", "made"), [("skip", 0), ("once", 1), ("all", 1)])
    def test_one_tick_that_is_found_too_late(self, clock, missed, made):
        make_schedule(clock, cron="0 13 * * *", timezone="UTC", missed=missed)
        fire()
        clock.set(minute(13, 0) + GRACE + timedelta(microseconds=1))
        fired = fire()
        assert fired.count == made
        assert Schedule.objects.get().last_tick == minute(13, 0)
        notes = [one.note for one in fired.skipped]
        assert notes == ([] if made else ["The tick of 2026-10-24 13:00:00 UTC was missed."])
        assert Schedule.objects.get().note == (None if made else notes[0])

    def test_a_little_late_is_in_time(self, clock):
        make_schedule(clock, cron="0 13 * * *", timezone="UTC", missed="skip")
        fire()
        clock.set(minute(13, 0) + GRACE)
        assert fire().count == 1

    def test_of_too_many_the_newest_are_made_up_for(self, clock):
        make_schedule(clock, cron="* * * * * *", missed="all")
        fire()
        clock.step(days=30)
        fire()
        assert ticks() == [clock.now - timedelta(seconds=n) for n in reversed(range(MOST_MADE_UP))]

    def test_what_was_due_while_it_was_switched_off_is_not_missed(self, clock):
        schedule = make_schedule(clock, missed="all", is_enabled=False)
        clock.step(hours=1)
        schedule.is_enabled = True
        schedule.save()
        fire()
        assert Schedule.objects.get().next_tick == minute(13, 1)
        assert ticks() == []


class TestOverlap:
    @pytest.mark.parametrize(("overlap", "made"), [("allow", 2), ("skip", 1)])
    def test_while_the_last_job_lives(self, clock, overlap, made):
        make_schedule(clock, overlap=overlap)
        for _ in range(2):
            clock.step(minutes=1)
            fired = fire()
        assert Job.objects.count() == made
        told = f"skipped: job #{Job.objects.earliest('id').pk} had not ended"
        assert [told in one.note for one in fired.skipped] == [True] * (2 - made)

    def test_once_it_has_ended_the_next_tick_makes_another(self, clock):
        make_schedule(clock, overlap="skip")
        clock.step(minutes=1)
        fire()
        finish(*map(ended, claim()))
        clock.step(minutes=1)
        assert fire().count == 1
        assert Schedule.objects.get().note is None

    def test_a_unique_key_that_is_held_makes_no_second_job(self, clock):
        make_schedule(clock, function="tests.samples.once_per_order", kwargs={"order_id": 3})
        for _ in range(2):
            clock.step(minutes=1)
            fire()
        held = Job.objects.get()
        schedule = Schedule.objects.get()
        assert schedule.last_tick == minute(12, 2)
        assert schedule.note == f"The tick made no job: #{held.pk} holds the unique key."


class TestClockSteps:
    def test_a_clock_that_steps_back_fires_nothing_twice(self, clock):
        # Given ticks that have fired
        make_schedule(clock, missed="all")
        make_schedule(clock, every=timedelta(minutes=7), missed="all")
        clock.step(minutes=30)
        fire()
        before = sorted(Job.objects.values_list("schedule", "tick"))
        # When the clock steps back an hour, and time goes on
        clock.step(hours=-1)
        for _ in range(60):
            assert fire().count == 0
            clock.step(minutes=1)
        # Then nothing has fired again, and what is to come does
        clock.step(minutes=14)
        fire()
        after = sorted(Job.objects.values_list("schedule", "tick"))
        assert len(after) == len(set(after)) == len(before) + 14 + 2

    def test_nor_does_what_is_changed_meanwhile(self, clock):
        schedule = make_schedule(clock)
        clock.step(minutes=30)
        fire()
        clock.step(hours=-1)
        schedule.refresh_from_db()
        schedule.cron = "*/2 * * * *"
        schedule.save()
        fire()
        assert Schedule.objects.get().next_tick == minute(12, 32)

    def test_the_clock_of_this_machine_is_of_no_account(self, clock):
        # The database is months ahead, or behind: nothing else was asked in all of these tests.
        clock.set(datetime(2031, 5, 5, 5, 5, tzinfo=UTC))
        make_schedule(clock)
        clock.step(minutes=1)
        fire()
        assert ticks() == [datetime(2031, 5, 5, 5, 6, tzinfo=UTC)]


class TestBadRows:
    def spoil(self, clock, **fields):
        """Make a good row, spoil it past all validation, and make good ones around it."""
        make_schedule(clock)
        bad = make_schedule(clock)
        make_schedule(clock)
        fire()
        Schedule.objects.filter(pk=bad.pk).update(**fields)
        clock.step(minutes=1)
        return bad

    @pytest.mark.parametrize(
        ("fields", "said"),
        [
            ({"function": "no.such.job"}, "UnknownJob: No job function is named 'no.such.job'"),
            ({"function": "os.system"}, "UnknownJob"),
            ({"function": "testproject.shop.jobs.read_price_list"}, "UnknownJob"),
            ({"cron": "every day"}, "InvalidOption: cron: 'every day' cannot be read"),
            ({"timezone": "Mars/Olympus"}, "InvalidOption: timezone: 'Mars/Olympus'"),
            ({"function": "tests.samples.send"}, "TypeError: tests.samples.send"),
            ({"kwargs": {"x": {"$date": "never"}}}, "ValueError"),
            ({"kwargs": {"x": {"$model": ["shop.order", 0, "default"]}}}, "DoesNotExist"),
            ({"kwargs": {"x": {"$model": ["shop.order", "x" * 5, "default"]}}}, "ValueError"),
            ({"args": {"no": "list"}}, "InvalidOption"),
            ({"kwargs": ["no", "dict"]}, "InvalidOption"),
            ({"queue": ""}, "InvalidOption: queue"),
        ],
    )
    def test_what_cannot_tick_is_told_and_stops_nobody(self, clock, fields, said):
        bad = self.spoil(clock, **fields)
        fired = fire()
        assert fired.count == 2
        assert Job.objects.filter(schedule=bad).count() == 0
        [remark] = fired.stuck
        assert (remark.id, remark.name) == (bad.pk, bad.name)
        assert said in remark.note
        assert Schedule.objects.get(pk=bad.pk).note == remark.note

    def test_its_tick_is_left_to_those_who_know_its_job(self, clock, own_registry):
        # Given code that does not know the function yet
        bad = self.spoil(clock, function="tests.engine.test_fire.shiny")
        assert fire().count == 2
        # When a process with newer code looks
        job(shiny)
        assert fire().count == 1
        # Then the tick has not been lost
        assert ticks(schedule=bad) == [minute(12, 1)]
        assert Schedule.objects.get(pk=bad.pk).note is None

    def test_a_whole_batch_of_bad_rows_does_not_hide_the_good_ones(self, clock):
        for _ in range(10):
            make_schedule(clock, function="no.such.job")
        good = make_schedule(clock)
        clock.step(minutes=1)
        fired = fire(batch=3)
        assert len(fired.stuck) == 10
        assert ticks() == ticks(schedule=good) == [minute(12, 1)]

    def test_a_job_that_the_database_refuses_costs_the_others_nothing(self, clock):
        sql(
            "ALTER TABLE django_jobs_job ADD CONSTRAINT picky "
            "CHECK (kwargs <> '{\"size\": 13}'::jsonb)"
        )
        for size in range(60):
            make_schedule(clock, kwargs={"size": size})
        clock.step(minutes=1)
        fired = fire()
        assert fired.count == 59
        assert [one.note[:14] for one in fired.stuck] == ["IntegrityError"]

    def test_a_unique_key_that_cannot_be_made_stops_nobody(self, clock, own_registry):
        calls = []

        def fickle_key():
            calls.append(1)
            if len(calls) % 2 == 0:
                raise RuntimeError("not now")
            return "key"

        def shiny():
            """Be unique, or not."""

        shiny.__qualname__ = "shiny"
        job(unique_key=fickle_key)(shiny)
        make_schedule(clock, function=f"{__name__}.shiny")
        make_schedule(clock)
        clock.step(minutes=1)
        fired = fire()
        assert fired.count == 1
        assert [one.note for one in fired.stuck] == ["RuntimeError: not now"]


def shiny():
    """Be a job of newer code."""


class TestNow:
    def test_a_schedule_is_run_whatever_the_clock_says(self, clock):
        schedule = make_schedule(clock, function="tests.samples.send", args=[7], is_enabled=False)
        [made] = engine.fire_now([schedule.pk], using="default")
        schedule.refresh_from_db()
        assert (schedule.last_job_id, schedule.last_tick, schedule.next_tick) == (
            made.pk,
            None,
            None,
        )
        made = Job.objects.get()
        assert (made.args, made.schedule_id, made.tick) == ([7], schedule.pk, None)

    def test_it_counts_for_the_overlap(self, clock):
        schedule = make_schedule(clock, overlap="skip")
        engine.fire_now([schedule.pk], using="default")
        clock.step(minutes=1)
        assert fire().count == 0

    def test_what_is_wrong_is_raised(self, clock):
        schedule = make_schedule(clock, function="no.such.job")
        with pytest.raises(LookupError, match=r"no\.such\.job"):
            engine.fire_now([schedule.pk], using="default")


class TestPlans:
    """What is looked at grows with what is due, not with what there is."""

    @pytest.fixture
    def ten_thousand(self, clock):
        sql(
            "INSERT INTO django_jobs_schedule (name, function, cron, next_tick, is_enabled) "
            "SELECT n::text, 'tests.samples.anything', '* * * * *', "
            "statement_timestamp() + n * interval '1 hour', n % 2 = 0 "
            "FROM generate_series(1, 10000) AS n"
        )
        sql("ANALYZE django_jobs_schedule")

    def test_an_idle_look_reads_two_ends_of_one_index(self, clock, ten_thousand):
        [peek] = statements_of(fire, like="EXISTS")
        assert ways_into(peek, "django_jobs_schedule") == {"due"}

    def test_what_is_due_is_found_by_the_same_index(self, clock, ten_thousand):
        clock.step(hours=20)
        [look, *_] = statements_of(fire, like="SKIP LOCKED")
        assert ways_into(look, "django_jobs_schedule") == {"due"}

    def test_the_history_of_a_schedule_is_an_index(self, clock):
        schedule = make_schedule(clock)
        sql(
            "INSERT INTO django_jobs_job (name, schedule_id) "
            "SELECT 'x', CASE WHEN mod(n, 1000) = 0 THEN %s END "
            "FROM generate_series(1, 20000) AS n",
            schedule.pk,
        )
        sql("ANALYZE django_jobs_job")
        [history] = statements_of(lambda: list(schedule.jobs.order_by("-id")[:5]), like="SELECT")
        assert ways_into_jobs(history) == {"schedule"}


@pytest.fixture
def due(transactional_db):
    """Make schedules that are due, where everybody sees them."""
    Schedule.objects.all().delete()

    def make(count):
        moment = datetime.now(UTC) - timedelta(minutes=5)
        for number in range(count):
            Schedule.objects.create(
                name=f"due {number}", function="tests.samples.anything", cron="* * * * *",
                missed="all", counts_from=moment,
            )  # fmt: skip

    return make


class TestCrowds:
    def test_five_at_once_make_one_job_of_each_tick(self, due):
        due(300)
        counts = at_once(*[lambda: fire(batch=20).count] * 5)
        made = list(Job.objects.values_list("schedule", "tick"))
        assert sum(counts) == len(made) == len(set(made)) >= 300 * 5
        assert not Schedule.objects.filter(next_tick=None).exists()

    def test_who_is_stopped_in_the_middle_stops_nobody_and_fires_nothing_twice(self, due):
        # Given somebody who has taken due schedules and does not go on
        due(3)
        with transaction.atomic():
            sql("SELECT id FROM django_jobs_schedule ORDER BY id LIMIT 2 FOR NO KEY UPDATE")
            # When another one looks
            [fired] = at_once(fire)
        # Then it fires what is free, and will look again soon
        assert Job.objects.values("schedule").distinct().count() == 1
        assert fired.is_contended
        assert fired.wait <= 0.1
        # And what was taken is fired when it is given back
        fire()
        made = list(Job.objects.values_list("schedule", "tick"))
        assert len(made) == len(set(made)) >= 3 * 5

    def test_the_server_takes_them_from_who_is_stopped_for_good(self, due, monkeypatch):
        # Given a look that stops for ever between taking and committing
        due(1)
        stopped, go_on = threading.Event(), threading.Event()
        fire_module = import_module("django_jobs.engine.fire")
        monkeypatch.setattr(fire_module, "_SET", fire_module._SET.replace("'5s'", "'200ms'"))
        plan = fire_module.plan
        victim = []

        def stop(*args):
            if threading.current_thread() in victim:
                stopped.set()
                go_on.wait(20)
            return plan(*args)

        monkeypatch.setattr(fire_module, "plan", stop)

        def be_stopped():
            victim.append(threading.current_thread())
            try:
                fire()
            except Exception as error:
                return error

        def take_over():
            stopped.wait(20)
            while not (fired := fire()).count:
                assert fired.wait is not None
            go_on.set()
            return fired.count

        # When another one looks again and again
        error, count = at_once(be_stopped, take_over)
        # Then it gets them, and the one who wakes has done nothing
        assert count >= 5
        assert error is not None
        made = list(Job.objects.values_list("schedule", "tick"))
        assert len(made) == len(set(made)) == count

    def test_a_fire_that_is_rolled_back_has_not_happened(self, due):
        due(2)
        with transaction.atomic():
            assert fire().count >= 10
            transaction.set_rollback(True)
        assert Job.objects.count() == 0
        assert fire().count >= 10
