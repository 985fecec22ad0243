"""Processes that run jobs, and die alone, with their worker, or with everything around them."""

from __future__ import annotations

import os
import signal
import sys

import pytest

from django_jobs import enqueue, enqueue_many
from django_jobs.models import Job, Worker
from testproject.ledger.models import Effect
from tests.lifecycle.conftest import worker_pids
from tests.lifecycle.gates import FileGate
from tests.threads import wait_until
from tests.torture.fleet import Process, job_processes, kill

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="there is no /proc to look into"
)


@pytest.fixture
def gate(tmp_path, monkeypatch):
    """Return where jobs say that they have begun, and wait to be let go."""
    monkeypatch.setenv("DJANGO_JOBS_JOB_PROCESSES", "2")
    return FileGate(tmp_path / "gate")


def test_a_killed_process_costs_its_own_job_an_attempt_and_its_neighbours_nothing(runjobs, gate):
    # Given two atomic jobs that run in processes of one worker, and one in a thread of it
    enqueue_many([gate.spec("process.leave_one_effect_and_wait")] * 2)
    enqueue(gate.spec("thread.wait_at_file"))
    command = runjobs()
    wait_until(lambda: len(gate.begun) == 3)
    (worker,) = worker_pids()
    # When one process is killed
    victim = job_processes(worker)[0]
    kill(victim)
    # Then its job runs again in another one, while the worker and the other jobs go on
    wait_until(lambda: len(gate.begun) == 4)
    gate.let_go()
    wait_until(lambda: Job.objects.succeeded().count() == 3)
    assert worker_pids() == [worker]
    assert sorted(Job.objects.values_list("attempts", flat=True)) == [1, 1, 2]
    # And its error says what happened
    (error,) = Job.objects.get(attempts=2).errors
    assert error["exception"].endswith("ProcessDied")
    assert "SIGKILL" in error["message"]
    # And each atomic job has its effect once
    assert Effect.objects.count() == 2
    assert "worker.died" not in command.output


def test_the_processes_of_a_killed_worker_die_with_it_and_their_jobs_run_elsewhere(runjobs, gate):
    # Given a worker with two jobs in processes, under a supervisor
    enqueue_many([gate.spec("process.leave_one_effect_and_wait")] * 2)
    command = runjobs()
    wait_until(lambda: len(gate.begun) == 2)
    (worker,) = worker_pids()
    processes = job_processes(worker)
    assert sorted(one.pid for one in processes) == gate.begun
    # When the worker is killed
    kill(Process.of(worker))
    # Then its processes are gone, and a new worker runs the jobs in new ones
    wait_until(lambda: not any(one.is_alive for one in processes))
    wait_until(lambda: len(gate.begun) == 4)
    gate.let_go()
    wait_until(lambda: Job.objects.succeeded().filter(attempts=2).count() == 2)
    # And what the dead ones had written is gone with them
    assert Effect.objects.count() == 2
    assert not Effect.objects.filter(pid__in=[one.pid for one in processes]).exists()
    assert "worker.died" in command.output


def test_processes_outlive_no_supervisor_and_lose_no_job(runjobs, gate):
    # Given a worker under a supervisor, with two jobs in processes
    enqueue_many([gate.spec("process.leave_one_effect_and_wait")] * 2)
    command = runjobs("--shutdown-timeout", "0.2")
    wait_until(lambda: len(gate.begun) == 2)
    (worker,) = map(Process.of, worker_pids())
    processes = job_processes(worker.pid)
    # When the supervisor is killed
    command.send(signal.SIGKILL)
    # Then the worker stops by itself, its processes too, and the jobs are given back uncharged
    wait_until(lambda: not any(one.is_alive for one in [worker, *processes]))
    assert Job.objects.ready().filter(attempts=0).count() == 2
    assert not Worker.objects.exists()
    assert not Effect.objects.exists()


@pytest.mark.parametrize("executor", ["thread", "process"])
def test_the_transaction_of_a_zombie_rolls_back(runjobs, gate, executor):
    # Given a worker that is stopped with an atomic job in the middle of its transaction
    row = enqueue(gate.spec(f"{executor}.leave_one_effect_and_wait"))
    first = runjobs("--processes", "0")
    wait_until(lambda: len(gate.begun) == 1)
    zombie = Worker.objects.get()
    stopped = [Process.of(zombie.pid), *job_processes(zombie.pid)]
    for one in stopped:
        os.kill(one.pid, signal.SIGSTOP)
    # And another one that runs the job again, to its end
    runjobs("--processes", "0")
    wait_until(lambda: len(gate.begun) == 2)
    gate.let_go()
    wait_until(lambda: Job.objects.succeeded().exists())
    (effect,) = Effect.objects.all()
    # When the zombie wakes, and goes on with its job
    for one in reversed(stopped):
        os.kill(one.pid, signal.SIGCONT)
    # Then it stops itself, and has changed nothing
    first.ends()
    assert "worker.lost" in first.output
    assert not any(one.is_alive for one in stopped)
    assert list(Effect.objects.all()) == [effect]
    assert effect.pid != stopped[-1].pid
    row.refresh_from_db()
    assert (row.state, row.attempts) == (Job.State.SUCCEEDED, 2)
    assert row.errors[0]["exception"].endswith("WorkerLost")
