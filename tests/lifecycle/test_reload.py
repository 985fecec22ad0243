"""Workers whose code changes while they run, in development."""

from __future__ import annotations

import os
import signal

import pytest

from django_jobs.models import Job, Worker
from testproject.ledger.jobs import wait_at_gate
from testproject.ledger.models import Effect, Gate
from tests.lifecycle.conftest import CHECKOUT, worker_pids
from tests.threads import wait_until


@pytest.fixture
def code(tmp_path, monkeypatch):
    """Return the jobs.py of an app that only the command knows."""
    app = tmp_path / "errands"
    app.mkdir()
    (app / "__init__.py").write_text("")
    (tmp_path / "errand_settings.py").write_text(
        "from testproject.settings import *\nINSTALLED_APPS = [*INSTALLED_APPS, 'errands']\n"
    )
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "errand_settings")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), str(CHECKOUT)]))
    path = app / "jobs.py"
    path.write_text(returning("one"))
    return path


def returning(word):
    # Another word makes a file of another size, without which Python may take its compiled twin.
    return f"from django_jobs import job\n\n\n@job\ndef errand():\n    return {word!r}\n"


def result_of_errand():
    row = Job.objects.create(name="errands.jobs.errand")
    wait_until(lambda: Job.objects.succeeded().filter(pk=row.pk).exists())
    return Job.objects.get(pk=row.pk).result


def test_workers_are_replaced_when_the_code_changes_and_outlast_broken_code(code, runjobs):
    # Given a worker that runs a function of this project
    command = runjobs("--reload")
    assert result_of_errand() == "one"
    first = worker_pids()
    # When the function is written anew
    code.write_text(returning("second"))
    wait_until(lambda: worker_pids() and worker_pids() != first)
    # Then another worker runs the new one
    assert result_of_errand() == "second"
    assert f"supervisor.reloading files={code}" in command.output
    # When the code is broken
    code.write_text("def errand(:\n")
    wait_until(lambda: "worker.not_started" in command.output)
    # Then the command waits, and goes on when it is mended
    assert not Worker.objects.exists()
    code.write_text(returning("the third"))
    assert result_of_errand() == "the third"
    assert command.output.count("SyntaxError") == 1
    # And it stops as ever
    command.send(signal.SIGTERM)
    assert command.ends() == 0, command.output
    assert "worker.died" not in command.output


def test_a_job_that_does_not_end_in_time_is_run_again_by_the_new_worker(code, runjobs):
    # Given a job that runs, and a worker that waits for it for a moment
    row = wait_at_gate.enqueue(label="gate")
    command = runjobs("--reload", "--shutdown-timeout", "0.1")
    wait_until(lambda: Effect.objects.filter(label="gate: begun").count() == 1)
    # When the code changes
    code.write_text(returning("another"))
    # Then it was given back at no charge, and runs again
    wait_until(lambda: Effect.objects.filter(label="gate: begun").count() == 2)
    Gate.objects.create(name="gate")
    wait_until(lambda: Job.objects.succeeded().filter(pk=row.pk).exists())
    row.refresh_from_db()
    assert (row.attempts, row.errors) == (1, []), command.output
