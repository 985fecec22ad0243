"""The service that fires schedules, in a worker and by itself."""

from __future__ import annotations

import logging
import threading
import time
from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from django_jobs import JobContext, cron, job
from django_jobs.models import Job, Schedule
from django_jobs.orders import WorkerOptions
from django_jobs.services import Scheduler
from django_jobs.services import scheduler as service
from django_jobs.signals import job_enqueued
from django_jobs.worker.worker import Worker
from tests import samples
from tests.rows import sql
from tests.threads import DEADLINE, at_once, wait_until

pytestmark = pytest.mark.usefixtures("own_registry")


@pytest.fixture
def rows(transactional_db):
    """Return a function that makes schedules; there are no others."""
    Schedule.objects.all().delete()

    def make(**fields):
        if "every" not in fields:
            fields = {"cron": "* * * * * *", **fields}
        return Schedule.objects.create(
            **{"name": "one", "function": "tests.samples.anything", **fields}
        )

    return make


def due(**fields):
    """Let every schedule have been due for a moment."""
    Schedule.objects.update(next_tick=timezone.now() - timedelta(seconds=1), **fields)


@job
def tell_tick(context: JobContext) -> str:
    return str(context.tick)


@pytest.fixture
def worker(rows):
    """Let a worker run in a thread, which looks once an hour unless something wakes it."""
    started = []

    def start():
        one = Worker()
        thread = threading.Thread(target=one.run)
        thread.start()
        started.append((one, thread))

    yield start
    for one, thread in started:
        one.stop()
        thread.join(20)


class TestService:
    def test_it_fires_and_wakes_its_worker(self, rows):
        rows()
        due()
        woken = []
        scheduler = Scheduler(1.0, "default", lambda: woken.append(1))
        assert scheduler.run_once() >= 1
        assert woken == [1]

    def test_it_is_due_again_when_the_next_tick_comes(self, rows):
        rows(every=timedelta(hours=1), start_at=timezone.now() + timedelta(seconds=5))
        scheduler = Scheduler(3600.0, "default", lambda: None)
        scheduler.run_once()
        scheduler.reschedule(now := time.monotonic())
        assert 4 < scheduler.due - now <= 5

    def test_it_looks_now_and_then_also_where_there_is_nothing_to_wait_for(self, rows):
        scheduler = Scheduler(1.0, "default", lambda: None)
        scheduler.run_once()
        scheduler.reschedule(now := time.monotonic())
        assert 0.8 <= scheduler.due - now <= 1.0

    @pytest.mark.parametrize("seconds", [10.0, 0.0])
    def test_what_is_stuck_is_told_once_however_often_it_is_looked_at(
        self, rows, caplog, monkeypatch, seconds
    ):
        monkeypatch.setattr(service, "LEAVE", seconds)
        rows(function="no.such.job")
        due()
        scheduler = Scheduler(1.0, "default", lambda: None)
        with caplog.at_level(logging.ERROR, logger="django_jobs"):
            for _ in range(3):
                scheduler.run_once()
        [told] = [r.getMessage() for r in caplog.records]
        assert told.startswith("schedule.stuck id=")
        assert "no.such.job" in told

    def test_a_tick_that_is_skipped_is_told(self, rows, caplog):
        rows(cron="@hourly", missed="skip")
        Schedule.objects.update(next_tick=timezone.now() - timedelta(minutes=30, seconds=5))
        with caplog.at_level(logging.WARNING, logger="django_jobs"):
            Scheduler(1.0, "default", lambda: None).run_once()
        assert any("schedule.skipped" in r.getMessage() for r in caplog.records) == (
            Job.objects.count() == 0
        )

    def test_the_signal_of_enqueued_jobs_is_sent(self, rows):
        rows()
        due()
        told = []
        job_enqueued.connect(lambda job, **sent: told.append(job.pk), weak=False, dispatch_uid="x")
        try:
            Scheduler(1.0, "default", lambda: None).run_once()
        finally:
            job_enqueued.disconnect(dispatch_uid="x")
        assert told == list(Job.objects.values_list("pk", flat=True))


class TestWorker:
    def test_a_tick_comes_in_time_though_nobody_polls(self, worker, rows, settings):
        # Given a worker that looks once an hour
        settings.DJANGO_JOBS = {"POLL_INTERVAL": 3600}
        start = timezone.now() + timedelta(seconds=1.5)
        rows(every=timedelta(hours=1), start_at=start)
        # When a tick comes
        worker()
        wait_until(lambda: Job.objects.succeeded().exists())
        # Then its job was made, and began, within a tenth of a second
        row = Job.objects.get()
        assert row.tick == start
        assert timedelta() <= row.enqueued_at - start < timedelta(seconds=0.1)
        assert row.started_at is not None
        assert row.started_at - start < timedelta(seconds=0.2)

    def test_the_job_is_told_its_tick(self, rows):
        rows(function=f"{__name__}.tell_tick", every=timedelta(days=1))
        due()
        Worker(WorkerOptions(burst=True)).run()
        row = Job.objects.get()
        assert row.result == str(row.tick) == str(Schedule.objects.get().last_tick)

    def test_a_job_without_a_schedule_has_no_tick(self, rows):
        row = tell_tick.enqueue()
        Worker(WorkerOptions(burst=True)).run()
        row.refresh_from_db()
        assert row.result == "None"

    def test_a_burst_runs_what_is_due_before_it_ends(self, rows):
        rows(every=timedelta(days=1))
        due()
        report = Worker(WorkerOptions(burst=True)).run()
        assert report.succeeded == 1

    def test_a_burst_does_not_end_while_others_have_in_hand_what_is_due(self, rows):
        # Given a due schedule that somebody else has taken
        rows(every=timedelta(days=1))
        due()
        took, worker = threading.Event(), Worker(WorkerOptions(burst=True))

        def take():
            with transaction.atomic():
                sql("SELECT id FROM django_jobs_schedule FOR NO KEY UPDATE")
                took.set()
                wait_until(lambda: worker._gauges.worker)
                threading.Event().wait(0.3)  # in which a burst would be over

        # When a burst begins, and the other one gives it back
        _, report = at_once(take, lambda: took.wait(DEADLINE) and worker.run())
        # Then it has run the job
        assert report.succeeded == 1

    def test_a_worker_may_be_told_to_write_the_code_down(self, rows, monkeypatch):
        monkeypatch.setattr("django_jobs.scheduling._declarations", [])
        cron("@daily", name="nightly")(samples.anything)
        Worker(WorkerOptions(burst=True)).run()
        assert not Schedule.objects.exists()
        Worker(WorkerOptions(burst=True, declares=True)).run()
        assert Schedule.objects.get().name == "nightly"
