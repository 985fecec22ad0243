"""Rows of schedules: what is refused, what save() leaves alone, and what comes next."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError
from django.utils import timezone

from django_jobs.exceptions import InvalidOption
from django_jobs.models import Schedule

pytestmark = pytest.mark.django_db

PAST = timezone.now() - timedelta(days=1)


def new(**fields):
    if "every" not in fields:
        fields = {"cron": "@daily", **fields}
    return Schedule(**{"name": "one", "function": "tests.samples.anything", **fields})


class TestValidation:
    def test_a_good_one_is_accepted(self):
        new().full_clean()
        new(every=timedelta(hours=1), kwargs={"day": {"$date": "2026-01-01"}}).full_clean()

    @pytest.mark.parametrize(
        ("fields", "field", "said"),
        [
            ({"function": "testproject.shop.jobs.read_price_list"}, "function", "can be scheduled"),
            ({"function": "tests.samples.anythin"}, "function", "Did you mean"),
            ({"function": "tests.samples.send"}, "kwargs", "missing a required argument"),
            ({"function": "tests.samples.send", "args": [1, 2, 3]}, "kwargs", "too many"),
            ({"kwargs": {"day": {"$date": "never"}}}, "kwargs", "never"),
            ({"kwargs": {"o": {"$model": ["shop.order", 0, "default"]}}}, "kwargs", "not exist"),
            ({"kwargs": {"x": float("nan")}}, "kwargs", "JSON has no nan"),
            ({"kwargs": [1]}, "kwargs", "kwargs must be a dict"),
            ({"args": {"a": 1}}, "args", "Give a list"),
            ({"cron": "* * *"}, "cron", "Wrong number of fields"),
            ({"cron": None}, "cron", "either a cron expression or an interval"),
            ({"cron": "@daily", "every": timedelta(hours=1)}, "cron", "either"),
            ({"every": timedelta(0)}, "every", "greater than or equal"),
            ({"timezone": "Europe/Pariss"}, "timezone", "Did you mean 'Europe/Paris'"),
            ({"start_at": timezone.now(), "end_at": PAST}, "end_at", "end after it starts"),
            ({"missed": "all", "overlap": "skip"}, "overlap", "at once"),
            ({"missed": "never"}, "missed", "not a valid choice"),
            ({"queue": "\n"}, "queue", "printable"),
        ],
    )
    def test_what_could_not_tick_is_refused_with_its_field(self, fields, field, said):
        with pytest.raises(ValidationError) as refused:
            new(**fields).full_clean()
        assert list(refused.value.message_dict) == [field]
        assert said in " ".join(refused.value.message_dict[field])

    def test_an_undeclared_queue_is_refused_where_queues_are_strict(self, settings):
        settings.DJANGO_JOBS = {"STRICT_QUEUES": True, "QUEUES": ["mail"]}
        new(queue="mail").full_clean()
        with pytest.raises(ValidationError, match="not declared"):
            new(queue="elsewhere").full_clean()

    @pytest.mark.parametrize(
        ("fields", "constraint"),
        [
            ({"every": timedelta(hours=1), "cron": "@daily"}, "cron_or_every"),
            ({"cron": None}, "cron_or_every"),
            ({"every": timedelta(seconds=0.5)}, "every"),
            ({"missed": "x"}, "missed"),
            ({"overlap": "x"}, "overlap"),
            ({"source": "x"}, "source"),
        ],
    )
    def test_the_database_refuses_what_makes_no_sense(self, fields, constraint):
        with pytest.raises(IntegrityError, match=f"django_jobs_schedule_{constraint}"):
            new(**fields).save()


class TestSaving:
    @pytest.fixture
    def row(self):
        Schedule.objects.all().delete()
        new().save()
        Schedule.objects.update(next_tick=PAST, last_tick=PAST, counts_from=PAST, note="x")
        return Schedule.objects.get(name="one")

    def test_a_tick_that_has_fired_meanwhile_stays_fired(self, row):
        # Given a form that was opened before a tick
        Schedule.objects.update(last_tick=timezone.now(), next_tick=None, last_job_id=7)
        now = Schedule.objects.get().last_tick
        # When it is saved
        row.missed = "all"
        row.save()
        # Then it says what it says, and nothing about ticks
        again = Schedule.objects.get()
        assert (again.missed, again.last_tick, again.last_job_id) == ("all", now, 7)

    @pytest.mark.parametrize(
        "change",
        [
            {"cron": "@hourly"}, {"timezone": "UTC"}, {"end_at": PAST}, {"start_at": PAST},
            {"is_enabled": False}, {"cron": None, "every": timedelta(hours=1)},
        ],
    )  # fmt: skip
    def test_another_timing_is_planned_anew_from_now_on(self, row, change):
        for name, value in change.items():
            setattr(row, name, value)
        row.save()
        assert row.counts_from > PAST
        again = Schedule.objects.get()
        assert (again.next_tick, again.note, again.last_tick) == (None, None, PAST)
        assert again.counts_from > PAST

    def test_what_is_due_stays_due_where_the_timing_is_as_it_was(self, row):
        row.queue = "mail"
        row.refresh_from_db()
        row.queue = "mail"
        row.save()
        again = Schedule.objects.get()
        assert (again.queue, again.next_tick, again.counts_from) == ("mail", PAST, PAST)

    def test_single_fields_can_be_saved(self, row):
        row.queue, row.missed = "mail", "all"
        row.save(update_fields=["queue"])
        again = Schedule.objects.get()
        assert (again.queue, again.missed, again.next_tick) == ("mail", "once", PAST)


class TestNextRuns:
    def test_they_are_five_of_its_own_zone(self):
        runs = new(cron="0 3 * * *", timezone="Asia/Tokyo").next_runs()
        assert [(run.hour, run.minute, run.utcoffset()) for run in runs] == [
            (3, 0, timedelta(hours=9))
        ] * 5
        assert runs == sorted(set(runs))
        assert runs[0] > datetime.now(UTC)

    def test_without_a_zone_they_are_of_the_projects(self, settings):
        settings.TIME_ZONE = "Asia/Tokyo"
        assert new(cron="0 3 * * *").next_runs(1)[0].tzinfo == ZoneInfo("Asia/Tokyo")

    def test_at_the_end_they_are_fewer(self):
        end = datetime.now(UTC) + timedelta(days=2)
        assert len(new(end_at=end).next_runs()) == 2
        assert new(end_at=PAST).next_runs() == []

    def test_they_come_after_the_last_tick(self):
        last = datetime(2100, 1, 1, tzinfo=UTC)
        assert new(timezone="UTC", last_tick=last).next_runs(1) == [last + timedelta(days=1)]

    def test_an_expression_that_cannot_be_read_is_told(self):
        with pytest.raises(InvalidOption):
            new(cron="x").next_runs()

    def test_it_is_told_in_words(self):
        assert new(cron="0 3 * * *").words == "At 03:00 every day"
        assert new(cron=None, every=timedelta(minutes=90)).words == "Every 1 h 30 min"
        assert new(cron="x").words == ""

    def test_without_time_zone_support_all_of_it_works(self, settings):
        settings.USE_TZ = False
        new(every=timedelta(hours=1), start_at=datetime(2026, 1, 1)).save()  # noqa: DTZ001
        assert len(Schedule.objects.get(name="one").next_runs()) == 5
