"""declare: the schedules of the code become rows."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.utils import timezone

from django_jobs import cron, engine
from django_jobs.models import Schedule
from django_jobs.scheduling import declared
from tests import samples
from tests.threads import at_once

pytestmark = pytest.mark.django_db

PAST = timezone.now() - timedelta(days=1)


@pytest.fixture(autouse=True)
def nothing_declared(monkeypatch):
    """Let no schedule be declared but those of the test."""
    monkeypatch.setattr("django_jobs.scheduling._declarations", [])
    Schedule.objects.all().delete()


def declare(*of, name="report", **said):
    """Declare one schedule, and what else the code says, as all that there is."""
    from django_jobs import scheduling as declarations

    declarations._declarations.clear()
    if of or said:
        cron(*of, name=name, **said)(samples.anything)
    return engine.declare(declared(), using="default")


def row():
    return Schedule.objects.get(name="report")


class TestRows:
    def test_a_declaration_becomes_a_row(self):
        start, end = timezone.now(), timezone.now() + timedelta(days=9)
        declare(
            "0 3 * * *", timezone="Asia/Tokyo", kwargs={"a": 1}, start=start, end=end,
            missed="skip", overlap="skip", enabled=False, queue="mail", priority=3,
        )  # fmt: skip
        made = row()
        assert (made.function, made.args, made.kwargs) == ("tests.samples.anything", [], {"a": 1})
        assert (made.cron, made.every, made.timezone) == ("0 3 * * *", None, "Asia/Tokyo")
        assert (made.start_at, made.end_at) == (start, end)
        assert (made.missed, made.overlap, made.is_enabled) == ("skip", "skip", False)
        assert (made.queue, made.priority, made.source) == ("mail", 3, "code")

    def test_what_says_the_same_is_not_written_again(self):
        assert declare(every=timedelta(hours=1)) == 1
        assert declare(every=timedelta(hours=1)) == 0

    def test_the_code_has_the_last_word_on_all_but_whether_it_is_enabled(self):
        declare("0 3 * * *")
        Schedule.objects.update(
            is_enabled=False, cron="5 5 * * *", kwargs={"b": 2}, args=[1], missed="all", queue="x"
        )
        assert declare("0 3 * * *") == 1
        made = row()
        assert (made.cron, made.args, made.kwargs) == ("0 3 * * *", [], {})
        assert (made.missed, made.queue, made.is_enabled) == ("once", None, False)

    def test_two_that_start_at_once_make_one_row(self, transactional_db):
        cron("@daily", name="report")(samples.anything)
        counts = at_once(*[lambda: engine.declare(declared(), using="default")] * 4)
        assert sum(counts) == 1
        assert row().cron == "@daily"


class TestTiming:
    def test_a_new_timing_counts_from_now_on(self):
        declare("0 3 * * *")
        Schedule.objects.update(next_tick=PAST, last_tick=PAST, counts_from=PAST, is_over=True)
        declare("0 4 * * *")
        made = row()
        assert (made.next_tick, made.last_tick, made.is_over) == (None, PAST, False)
        assert made.counts_from > PAST

    def test_with_the_timing_as_it_was_what_is_due_stays_due(self):
        declare("0 3 * * *")
        Schedule.objects.update(next_tick=PAST, counts_from=PAST, note="x")
        assert declare("0 3 * * *", missed="all") == 1
        made = row()
        assert (made.next_tick, made.counts_from, made.note) == (PAST, PAST, "x")


class TestWithdrawal:
    def test_what_is_declared_no_more_stays_and_ticks_no_more(self):
        declare("* * * * * *")
        Schedule.objects.update(next_tick=PAST)
        declare()
        assert row().source == "withdrawn"
        assert engine.fire(using="default").count == 0

    def test_what_comes_back_counts_from_now_on_and_stays_switched_off(self):
        declare("@daily")
        Schedule.objects.update(next_tick=PAST, counts_from=PAST, is_enabled=False)
        declare()
        assert declare("@daily") == 1
        made = row()
        assert (made.source, made.next_tick, made.is_enabled) == ("code", None, False)
        assert made.counts_from > PAST

    def test_what_was_made_by_hand_is_left_alone(self):
        Schedule.objects.create(name="by hand", function="x", cron="@daily")
        declare("@daily")
        declare()
        assert Schedule.objects.get(name="by hand").source == "hand"

    def test_a_declaration_takes_a_row_of_its_name_over_with_its_past(self):
        Schedule.objects.create(name="report", function="x", cron="@daily", last_tick=PAST)
        declare("@daily")
        assert (row().source, row().last_tick) == ("code", PAST)


class TestWhen:
    def test_migrate_writes_them_down(self):
        cron("@daily", name="report")(samples.anything)
        call_command("migrate", verbosity=0)
        assert row().source == "code"

    def test_a_worker_command_writes_them_down(self, transactional_db):
        cron("@daily", name="report")(samples.anything)
        call_command("runjobs", "--processes", "0", "--burst", verbosity=0)
        assert row().source == "code"
