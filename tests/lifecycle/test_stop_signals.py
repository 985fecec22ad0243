"""Which signals stop workers, as the settings or a flag say."""

from __future__ import annotations

import os
import signal

import pytest

from django_jobs.models import Job, Worker
from testproject.ledger.jobs import wait_at_gate
from testproject.ledger.models import Effect, Gate
from tests.lifecycle.conftest import CHECKOUT, worker_pids
from tests.threads import wait_until

#: What the interpreter of a worker process does first.
SLOW_START = """
import os, pathlib, sys, time
here = pathlib.Path({here!r})
if "spawn_main" in " ".join(sys.orig_argv):
    (here / f"begun-{{os.getpid()}}").touch()
    until = time.monotonic() + 20
    while not (here / "go").exists() and time.monotonic() < until:
        time.sleep(0.01)
"""


@pytest.mark.parametrize("processes", ["0", "1"])
def test_a_signal_of_your_choice_stops_gracefully(runjobs, processes):
    # Given a worker that is to stop at SIGQUIT, and runs a job
    wait_at_gate.enqueue(label="gate")
    command = runjobs("--stop-signal", "SIGQUIT", "--processes", processes)
    wait_until(lambda: Effect.objects.exists())
    # When all processes hear it, as from a terminal
    os.killpg(command.process.pid, signal.SIGQUIT)
    wait_until(lambda: "supervisor.stopping" in command.output or processes == "0")
    Gate.objects.create(name="gate")
    # Then the job ends in its own time
    assert command.ends() == 0, command.output
    assert Job.objects.succeeded().count() == 1
    assert not Worker.objects.exists()


def test_the_settings_name_the_signals(runjobs, tmp_path, monkeypatch):
    # Given settings that name another signal
    (tmp_path / "signal_settings.py").write_text(
        "from testproject.settings import *\n"
        "DJANGO_JOBS = {**DJANGO_JOBS, 'STOP_SIGNALS': ['SIGUSR1', 'SIGTERM']}\n"
    )
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "signal_settings")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), str(CHECKOUT)]))
    command = runjobs()
    wait_until(worker_pids)
    # When that comes
    command.send(signal.SIGUSR1)
    # Then the command ends in order
    assert command.ends() == 0, command.output


def test_an_end_that_was_not_asked_for_gives_running_jobs_back_at_once(runjobs):
    # Given a worker with a job, and a command that Ctrl-C is not to stop
    wait_at_gate.enqueue(label="gate")
    command = runjobs("--stop-signal", "SIGTERM", "--shutdown-timeout", "600")
    wait_until(lambda: Effect.objects.exists())
    # When it comes all the same, and ends the supervisor as it ends every Python
    command.send(signal.SIGINT)
    # Then the job was given back, and charged nothing
    assert command.ends() == -signal.SIGINT, command.output
    assert Job.objects.ready().get().attempts == 0
    assert not Worker.objects.exists()


def test_a_signal_to_all_while_workers_start_ends_the_command_in_silence(
    runjobs, tmp_path, monkeypatch
):
    # Given two workers whose interpreters have just begun, and go on when the test says so
    (tmp_path / "sitecustomize.py").write_text(SLOW_START.format(here=str(tmp_path)))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), str(CHECKOUT)]))
    command = runjobs("--processes", "2")
    wait_until(lambda: len(list(tmp_path.glob("begun-*"))) == 2)
    # When Ctrl-C reaches all processes
    os.killpg(command.process.pid, signal.SIGINT)
    wait_until(lambda: "supervisor.stopping" in command.output)
    (tmp_path / "go").touch()
    # Then they leave, and nothing is printed about it
    assert command.ends() == 0, command.output
    assert "Traceback" not in command.output
    assert "worker." not in command.output
