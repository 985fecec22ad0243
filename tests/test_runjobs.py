"""The command's flags, and what must hold before a worker starts."""

from __future__ import annotations

import signal

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, connections
from django.db.migrations.recorder import MigrationRecorder

from django_jobs import enqueue_many
from django_jobs.models import Job
from testproject.ledger.jobs import nothing
from tests.threads import at_once


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--concurrency", "0"], "0 is not between 1 and 10000"),
        (["--concurrency", "many"], "'many' is not a whole number"),
        (["--units", "0"], "0 is not between 1 and"),
        (["--processes", "-1"], "-1 is not between 0 and 1000"),
        (["--max-jobs", "0"], "0 is not between 1"),
        (["--max-seconds", "-3"], "-3 is not a number of seconds from 0 on"),
        (["--max-seconds", "nan"], "nan is not a number of seconds from 0 on"),
        (["--shutdown-timeout", "soon"], "'soon' is not a number of seconds"),
        (["--queue", ""], "--queue must be 1 to 255 printable characters"),
        (["--tag", ""], "--tag must be 1 to 255 printable characters"),
        (["--stop-signal", "SIGTREM"], "'SIGTREM' is no signal .* Did you mean 'SIGTERM'"),
        (["--stop-signal", "SIGKILL"], "'SIGKILL' is no signal that can be handled"),
        (["--health-port", "0"], "0 is not between 1 and 65535"),
        (["--quue", "mail"], "unrecognized arguments: --quue mail"),
    ],
)
def test_a_flag_that_makes_no_sense_is_named(flags, message):
    with pytest.raises(CommandError, match=message):
        call_command("runjobs", *flags)


def test_an_unknown_database_is_named_with_those_that_exist():
    with pytest.raises(
        CommandError, match="no database 'replica' in DATABASES; there are: default"
    ):
        call_command("runjobs", "--database", "replica")


def test_wrong_settings_are_refused(settings):
    settings.DJANGO_JOBS = {"CONCURENCY": 3}
    with pytest.raises(CommandError, match="Did you mean 'CONCURRENCY'"):
        call_command("runjobs", "--burst")


@pytest.mark.django_db
def test_pending_migrations_are_refused():
    recorder = MigrationRecorder(connection)
    last = max(name for app, name in recorder.applied_migrations() if app == "django_jobs")
    recorder.record_unapplied("django_jobs", last)
    with pytest.raises(CommandError, match=rf"{last} not applied\): run manage.py migrate"):
        call_command("runjobs", "--burst", "--processes", "0")


@pytest.mark.django_db(transaction=True)
def test_a_database_that_is_away_is_named(monkeypatch):
    connection.close()
    monkeypatch.setitem(connection.settings_dict, "HOST", "/nowhere")

    with pytest.raises(CommandError, match=r"The database 'default' cannot be reached: .*nowhere"):
        call_command("runjobs", "--burst")


def test_another_engine_is_refused(settings, monkeypatch):
    monkeypatch.setattr(connections["default"], "vendor", "sqlite")
    with pytest.raises(CommandError, match="django_jobs needs PostgreSQL"):
        call_command("runjobs", "--burst")


@pytest.mark.django_db
def test_a_worker_in_this_very_process_cannot_be_reloaded():
    with pytest.raises(CommandError, match="--reload needs --processes 1 or more"):
        call_command("runjobs", "--reload", "--processes", "0")


@pytest.mark.django_db
def test_a_heartbeat_file_that_cannot_be_written_is_refused(tmp_path):
    with pytest.raises(CommandError, match=r"heartbeat file .* cannot be written: No such file"):
        call_command("runjobs", "--burst", "--heartbeat-file", str(tmp_path / "nowhere" / "file"))


@pytest.mark.django_db
def test_a_health_host_that_is_not_here_is_refused_and_leaves_no_heartbeat(tmp_path):
    probes = ["--health-port", "8080", "--health-host", "203.0.113.1"]
    file = tmp_path / "heartbeat"

    with pytest.raises(CommandError, match=r"Nothing can listen on 203\.0\.113\.1 port 8080"):
        call_command("runjobs", *probes, "--heartbeat-file", str(file))

    assert not file.exists()


@pytest.mark.django_db(transaction=True)
def test_debug_in_a_worker_is_warned_of(settings, caplog):
    settings.DEBUG = True
    call_command("runjobs", "--burst", "--processes", "0")
    assert "DEBUG is on" in caplog.text


@pytest.mark.django_db(transaction=True)
def test_the_command_runs_in_this_very_process_and_says_what_it_did(capsys):
    enqueue_many([nothing.job] * 3)
    call_command("runjobs", "--burst", "--processes", "0")
    assert "Processed 3 jobs in" in capsys.readouterr().out
    assert Job.objects.succeeded().count() == 3


@pytest.mark.django_db(transaction=True)
def test_it_runs_in_a_thread_too_which_hears_no_signals(capsys):
    enqueue_many([nothing.job] * 2)
    before = signal.getsignal(signal.SIGTERM)

    flags = ["--burst", "--processes", "0", "--wait-for-migrations"]
    at_once(lambda: call_command("runjobs", *flags))

    assert "Processed 2 jobs in" in capsys.readouterr().out
    assert signal.getsignal(signal.SIGTERM) == before
