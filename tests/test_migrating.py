"""Workers and migrations: one waits for the other, and old workers live with newer tables."""

from __future__ import annotations

import signal
import threading

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from django_jobs import enqueue, enqueue_many, preconditions
from django_jobs.models import Job
from django_jobs.orders import WorkerOptions
from django_jobs.worker.worker import Worker
from testproject.ledger.jobs import nothing
from tests.rows import sql


@pytest.fixture
def pending(transactional_db):
    """Let the last migration be pending, and return what applies it."""
    recorder = MigrationRecorder(connection)
    last = max(name for app, name in recorder.applied_migrations() if app == "django_jobs")
    recorder.record_unapplied("django_jobs", last)
    applied: list[str] = []

    def apply():
        if not applied:
            applied.append(last)
            MigrationRecorder(connection).record_applied("django_jobs", last)

    yield apply
    apply()


def runjobs(*flags):
    call_command("runjobs", "--burst", "--processes", "0", *flags)


def test_without_being_told_to_wait_it_refuses_and_names_both_ways(pending):
    with pytest.raises(CommandError, match=r"migrate first, or add --wait-for-migrations\."):
        runjobs()


def test_it_waits_no_longer_than_it_was_told(pending, monkeypatch, capsys):
    monkeypatch.setattr(preconditions, "LOOK", 0.01)

    with pytest.raises(CommandError, match="not applied"):
        runjobs("--wait-for-migrations", "0.05")

    assert capsys.readouterr().err.count("Waiting: ") == 1


def test_it_begins_when_they_are_applied(pending, monkeypatch):
    # Given
    monkeypatch.setattr(preconditions, "LOOK", 0.01)
    enqueue(nothing.job)
    told: list[str] = []

    def tell(self, text):
        told.append(text)
        threading.Thread(target=apply_elsewhere).start()

    def apply_elsewhere():
        pending()
        connection.close()

    monkeypatch.setattr("django_jobs.management.commands.runjobs.Command._tell", tell)

    # When
    runjobs("--wait-for-migrations")

    # Then
    assert len(told) == 1
    assert Job.objects.get().state == "succeeded"


def test_a_stop_signal_ends_the_wait_and_the_handlers_come_back(pending, monkeypatch):
    # Given
    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(
        "django_jobs.management.commands.runjobs.Command._tell",
        lambda self, text: signal.raise_signal(signal.SIGTERM),
    )

    # When
    with pytest.raises(SystemExit) as leaving:
        runjobs("--wait-for-migrations")

    # Then
    assert leaving.value.code == 128 + signal.SIGTERM
    assert signal.getsignal(signal.SIGTERM) == before


def test_it_waits_for_a_database_that_is_away(monkeypatch, settings):
    # Given
    from django.db import OperationalError

    answers = [OperationalError("no route"), []]
    told: list[str] = []

    def look(using):
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(preconditions, "_pending_migrations", look)
    monkeypatch.setattr(preconditions, "LOOK", 0.01)

    # When
    preconditions.wait_for_migrations("default", 60, told.append)

    # Then
    assert told == ["Waiting: the database 'default' cannot be reached: no route"]


def test_a_time_that_is_none_is_refused():
    with pytest.raises(CommandError, match="'soon' is not a number of seconds"):
        runjobs("--wait-for-migrations", "soon")


def test_old_workers_live_with_a_newer_schema(transactional_db):
    # Given
    tables = ("job", "queue", "worker", "schedule", "workflow", "step", "link")
    try:
        for table in tables:
            sql(f"ALTER TABLE django_jobs_{table} ADD COLUMN newer text NULL DEFAULT 'new'")
        sql("CREATE TABLE django_jobs_newer (id bigint PRIMARY KEY)")
        MigrationRecorder(connection).record_applied("django_jobs", "9999_newer")

        # When
        enqueue_many([nothing.job] * 60)  # by COPY
        enqueue(nothing.job)
        enqueue(nothing.job | nothing.job)
        worker = Worker(WorkerOptions(burst=True))
        thread = threading.Thread(target=worker.run)
        thread.start()
        thread.join(timeout=60)

        # Then
        assert not thread.is_alive()
        assert Job.objects.filter(state="succeeded").count() == 63
        assert sql("SELECT DISTINCT newer FROM django_jobs_job") == [("new",)]
        runjobs()  # and a new start of the old code is not refused
    finally:
        for table in tables:
            sql(f"ALTER TABLE django_jobs_{table} DROP COLUMN IF EXISTS newer")
        sql("DROP TABLE IF EXISTS django_jobs_newer")
        MigrationRecorder(connection).record_unapplied("django_jobs", "9999_newer")
