"""Workers that are told to stop while jobs of every kind run."""

from __future__ import annotations

import signal
import sys

import pytest

from django_jobs import enqueue
from django_jobs.models import Job, Worker
from testproject.ledger.models import Effect
from tests.lifecycle.conftest import worker_pids
from tests.lifecycle.gates import FileGate
from tests.threads import wait_until
from tests.torture.fleet import Process, job_processes

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="there is no /proc to look into"
)

EVERY_KIND = [
    "thread.wait_at_file",
    "process.wait_at_file",
    "asyncio.wait_at_file",
    "thread.leave_one_effect_and_wait",
    "process.leave_one_effect_and_wait",
]


@pytest.fixture
def gate(tmp_path, monkeypatch):
    """Return where jobs say that they have begun, and wait to be let go."""
    monkeypatch.setenv("DJANGO_JOBS_JOB_PROCESSES", "1")
    return FileGate(tmp_path / "gate")


def start_with(job, gate, runjobs, *flags):
    """Start a worker with a job that has begun; return the command and all processes of it."""
    enqueue(gate.spec(job).with_max_attempts(1))
    command = runjobs(*flags)
    wait_until(lambda: gate.begun)
    (worker,) = worker_pids()
    return command, [Process.of(worker), *job_processes(worker)]


@pytest.mark.parametrize("job", EVERY_KIND)
def test_a_job_that_does_not_end_in_time_is_given_back_and_runs_elsewhere(job, runjobs, gate):
    # Given a worker with a job that has one attempt, and does not end
    command, processes = start_with(job, gate, runjobs, "--shutdown-timeout", "0.3")
    # When the worker is told to stop
    command.send(signal.SIGTERM)
    # Then it leaves in order, and the job is as if nothing had been
    assert command.ends() == 0, command.output
    row = Job.objects.ready().get()
    assert (row.attempts, row.worker_id, row.started_at, row.errors) == (0, None, None, [])
    assert not Worker.objects.exists()
    assert not any(one.is_alive for one in processes)
    # And what an atomic job had written is gone
    assert not Effect.objects.exists()
    # And the job ends elsewhere
    gate.let_go()
    elsewhere = runjobs("--burst")
    assert elsewhere.ends() == 0, elsewhere.output
    assert Job.objects.succeeded().get().attempts == 1
    assert Effect.objects.count() == ("one_effect" in job)


@pytest.mark.parametrize("job", EVERY_KIND)
def test_a_job_that_ends_in_time_is_recorded(job, runjobs, gate):
    # Given a worker with a job, which was told to stop
    command, processes = start_with(job, gate, runjobs, "--shutdown-timeout", "60")
    command.send(signal.SIGTERM)
    wait_until(lambda: "supervisor.stopping" in command.output)
    # When the job ends
    gate.let_go()
    # Then it has succeeded, and the worker leaves
    assert command.ends() == 0, command.output
    assert Job.objects.succeeded().get().attempts == 1
    assert Effect.objects.count() == ("one_effect" in job)
    assert not any(one.is_alive for one in processes)


@pytest.mark.parametrize("job", EVERY_KIND)
def test_a_second_signal_stops_at_once(job, runjobs, gate):
    # Given a worker that would wait for its job for ten minutes
    command, processes = start_with(job, gate, runjobs, "--shutdown-timeout", "600")
    command.send(signal.SIGTERM)
    wait_until(lambda: "supervisor.stopping at_once=False" in command.output)
    # When another signal comes
    command.send(signal.SIGTERM)
    # Then it is over, and the job is given back at no charge
    assert command.ends() == 0, command.output
    assert Job.objects.ready().get().attempts == 0
    assert not any(one.is_alive for one in processes)


def test_a_second_signal_stops_a_worker_without_a_supervisor_at_once(runjobs, gate):
    # Given a lone worker that would wait for its job for ten minutes
    flags = ["--processes", "0", "--shutdown-timeout", "600"]
    command, _ = start_with("thread.wait_at_file", gate, runjobs, *flags)
    # When it is told to stop twice: by two signals, of which neither can hide the other
    command.send(signal.SIGTERM)
    command.send(signal.SIGINT)
    # Then it is over, and the job is given back at no charge
    assert command.ends() == 0, command.output
    assert Job.objects.ready().get().attempts == 0
    assert not Worker.objects.exists()


def test_a_process_is_gone_before_its_job_is_given_back(runjobs, gate):
    # Given a worker with a job in a process
    command, (_, process) = start_with(
        "process.wait_at_file", gate, runjobs, "--shutdown-timeout", "0"
    )
    # When the worker is told to stop
    command.send(signal.SIGTERM)
    # Then nobody else can run the job while it still runs here
    wait_until(lambda: Job.objects.ready().exists())
    assert not process.is_alive
    assert command.ends() == 0, command.output
