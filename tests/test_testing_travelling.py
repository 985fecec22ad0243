"""The clock that a test moves, and the schedules that come due by it."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from django_jobs import JobContext, cron, engine, enqueue, job, scheduling
from django_jobs.databaseclock import now
from django_jobs.exceptions import InvalidOption
from django_jobs.models import Job, Schedule
from django_jobs.testing import run_jobs, travel
from testproject.ledger import tried
from testproject.ledger.models import Gate
from tests.samples import as_if_at_the_top

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
#: What passes while a test goes on.
MOMENT = timedelta(seconds=20)


def is_about(moment):
    return timedelta() <= now("default") - moment < MOMENT


class TestMoment:
    def test_the_clock_goes_on_from_a_moment_and_is_right_again_behind_it(self):
        # Given
        there = timezone.now() + timedelta(days=400)

        # When
        with travel(there):
            was_there = is_about(there)

        # Then
        assert was_there
        assert is_about(timezone.now() - MOMENT / 2)

    def test_a_job_of_that_moment_runs_and_none_of_a_later_one(self):
        # Given
        day = timezone.now() + timedelta(days=1)
        for hours in (0, 2):
            spec = tried.plain.job.with_kwargs(label=f"{hours} h later")
            enqueue(spec.with_scheduled_at(day + hours * HOUR))

        # When
        with travel(day + HOUR):
            ran = run_jobs(queues=["default"])

        # Then
        assert [one.result for one in ran if one.name.endswith(".plain")] == ["0 h later"]
        assert Job.objects.filter(result="0 h later", finished_at__gt=day + HOUR).exists()

    def test_a_moment_may_be_told_in_any_time_zone(self):
        there = (timezone.now() + HOUR).astimezone(timezone.get_fixed_timezone(-600))

        with travel(there):
            assert is_about(there)

    def test_journeys_add_up(self):
        start = timezone.now()

        with travel(HOUR), travel(start + 3 * HOUR), travel(HOUR):
            assert is_about(start + 4 * HOUR)
            with travel(HOUR):
                assert is_about(start + 5 * HOUR)
            assert is_about(start + 4 * HOUR)

    @pytest.mark.parametrize(
        ("to", "words"),
        [
            (datetime(2020, 1, 1, tzinfo=UTC), "forward only"),
            (datetime(2099, 1, 1), "no time zone"),  # noqa: DTZ001 - that is what is wrong
            (timedelta(seconds=-1), "forward only"),
            (3600, "forward only"),
        ],
    )
    def test_neither_back_nor_to_nowhere(self, to, words):
        with pytest.raises(InvalidOption, match=words), travel(to):
            pass

    @pytest.mark.parametrize("beside_the_orm", [True, False])
    def test_an_error_of_the_database_comes_out_as_it_is(self, beside_the_orm):
        # Given
        def in_sql():
            with connection.cursor() as cursor:
                cursor.execute("INSERT INTO ledger_gate (name) VALUES ('one')")

        insert = in_sql if beside_the_orm else partial(Gate.objects.create, name="one")
        insert()

        # When
        with pytest.raises(IntegrityError), transaction.atomic(), travel(HOUR):
            insert()

        # Then
        assert is_about(timezone.now() - MOMENT / 2)


@pytest.fixture
def cron_jobs(own_registry, monkeypatch):
    """Let nothing be declared, and return a function that writes down what is declared by then."""
    monkeypatch.setattr(scheduling, "_declarations", [])
    Schedule.objects.all().delete()
    return lambda: engine.declare(scheduling.declared(), using="default")


class TestSchedules:
    @pytest.fixture(autouse=True)
    def _declared(self, cron_jobs):
        @cron("0 6 * * *", timezone="Europe/Paris", name="breakfast")
        @job
        @as_if_at_the_top
        def breakfast(context: JobContext):
            tried.add(f"{timezone.localtime(context.tick):%H:%M}")
            return str(context.tick)

        cron_jobs()

    def six(self, days=1):
        """Return six o'clock in Paris of one of the next days."""
        day = timezone.localtime() + timedelta(days=days)
        return day.replace(hour=6, minute=0, second=0, microsecond=0)

    def test_a_tick_makes_a_job_once_its_time_has_come(self):
        # When
        with travel(self.six(2) - timedelta(minutes=1)):
            run_jobs(limit=1, schedules=True)  # what it has missed until then
            before = run_jobs(schedules=True)
        with travel(self.six(2)):
            ran, again = run_jobs(schedules=True), run_jobs(schedules=True)

        # Then
        assert (before, again) == ([], [])
        assert [one.result for one in ran] == [str(self.six(2).astimezone(UTC))]
        assert ran[0].tick == self.six(2)
        assert str(ran[0].schedule) == "breakfast"

    def test_without_being_asked_for_none_ticks_whatever_the_time_of_day(self):
        # Given
        tried.plain.enqueue(label="one")

        # When
        with travel(self.six(2)):
            ran = run_jobs()

        # Then
        assert [one.result for one in ran] == ["one"]

    def test_many_ticks_at_once_are_made_up_for_as_declared(self, cron_jobs):
        # Given
        @cron("0 12 * * *", missed="all", timezone="Europe/Paris")
        @job
        @as_if_at_the_top
        def lunch(context: JobContext):
            return str(context.tick)

        cron_jobs()

        # When
        with travel(self.six(3) + timedelta(seconds=1)):
            ran = run_jobs(schedules=True)

        # Then one for each of the three noons, or the two if today's is over, and one breakfast
        names = Counter(one.name.rpartition(".")[2] for one in ran)
        noons = 3 - (timezone.localtime().hour >= 12)
        assert names == {"breakfast": 1, "lunch": noons}

    def test_an_interval_ticks_from_its_declaration_on(self, cron_jobs):
        # Given
        @cron(every=HOUR)
        @job
        @as_if_at_the_top
        def strike(context: JobContext):
            return str(context.tick)

        cron_jobs()
        name = f"{__name__}.strike"

        # When
        early = run_jobs(schedules=True)
        counts = []
        for hours in (1, 2, 3):
            with travel(hours * HOUR + MOMENT):
                counts.append(sum(one.name == name for one in run_jobs(schedules=True)))

        # Then
        assert ([one for one in early if one.name == name], counts) == ([], [1, 1, 1])

    def test_a_schedule_is_left_where_the_journey_has_brought_it(self):
        # Given
        with travel(self.six(2)):
            run_jobs(schedules=True)

        # When
        ran = run_jobs(schedules=True)

        # Then
        assert ran == []
        assert Schedule.objects.get().next_tick == self.six(3)
