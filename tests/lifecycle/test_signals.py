"""What signals do to workers."""

from __future__ import annotations

import os
import signal

import pytest

from django_jobs import enqueue_many
from django_jobs.models import Job, Worker
from testproject.ledger.jobs import take_time_async, wait_at_gate
from testproject.ledger.models import Effect, Gate
from tests.threads import wait_until


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("processes", ["0", "1"])
def test_after_the_first_signal_running_jobs_end_and_no_other_begins(runjobs, number, processes):
    # Given a worker with one place, which is taken, and a job that waits
    enqueue_many([wait_at_gate.job.with_kwargs(label="gate") for _ in range(2)])
    command = runjobs("--concurrency", "1", "--processes", processes)
    wait_until(lambda: Effect.objects.filter(label="gate: begun").exists())
    # When the first signal comes, and then the running job may end
    command.send(number)
    wait_until(lambda: "stopping" in command.output or processes == "0")
    Gate.objects.create(name="gate")
    # Then it ends, the other one stays, and nothing is charged for it
    assert command.ends() == 0, command.output
    assert Job.objects.succeeded().count() == 1
    assert Job.objects.ready().get().attempts == 0
    assert "Processed 1 job in" in command.output
    assert not Worker.objects.exists()


def test_a_signal_to_the_whole_process_group_counts_once(runjobs):
    # Given a worker with a job that will end soon after it is told to stop
    wait_at_gate.enqueue(label="gate")
    command = runjobs()
    wait_until(lambda: Effect.objects.exists())
    # When supervisor and worker hear the signal both, as under systemd
    os.killpg(command.process.pid, signal.SIGTERM)
    wait_until(lambda: "supervisor.stopping" in command.output)
    Gate.objects.create(name="gate")
    # Then the job ends in its own time
    assert command.ends() == 0, command.output
    assert Job.objects.succeeded().count() == 1


def test_what_does_not_end_in_time_is_given_back_at_no_charge(runjobs):
    # Given jobs that will not end: one in a thread, one on the event loop
    enqueue_many(
        [
            wait_at_gate.job.with_kwargs(label="gate").with_max_attempts(1),
            take_time_async.job.with_kwargs(seconds=600),
        ]
    )
    command = runjobs("--shutdown-timeout", "0.3")
    wait_until(lambda: Job.objects.running().filter(started_at__isnull=False).count() == 2)
    wait_until(lambda: Effect.objects.exists())
    # When the worker is told to stop
    command.send(signal.SIGTERM)
    # Then both are ready again, as if nothing had been
    assert command.ends() == 0, command.output
    untouched = Job.objects.ready().filter(attempts=0, worker=None, started_at=None)
    assert untouched.count() == 2


def test_a_second_signal_stops_at_once(runjobs):
    # Given a worker that would wait for its job for ten minutes
    wait_at_gate.enqueue(label="gate")
    command = runjobs("--shutdown-timeout", "600")
    wait_until(lambda: Effect.objects.exists())
    # When two signals come, one after the other was heard
    command.send(signal.SIGTERM)
    wait_until(lambda: "supervisor.stopping at_once=False" in command.output)
    command.send(signal.SIGTERM)
    # Then it is over, and the job was given back
    assert command.ends(within=10) == 0, command.output
    assert Job.objects.ready().get().attempts == 0
