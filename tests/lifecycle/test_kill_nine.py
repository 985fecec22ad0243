"""Workers that die by SIGKILL: nothing is lost, and only what ran is charged."""

from __future__ import annotations

import os
import signal
import time

from django_jobs import enqueue_many
from django_jobs.models import Job, Worker
from testproject.ledger.jobs import kill_own_process, leave_effect, take_time, wait_at_gate
from testproject.ledger.models import Effect, Gate
from tests.lifecycle.conftest import HEARTBEAT_TIMEOUT, worker_pids
from tests.threads import wait_until

JOBS = 2000


def test_a_killed_child_of_a_supervisor_loses_no_job(runjobs):
    # Given two workers in the middle of 2,000 jobs
    enqueue_many([leave_effect.job.with_kwargs(label=str(n)) for n in range(JOBS)])
    command = runjobs("--processes", "2", "--burst")
    wait_until(lambda: len(worker_pids()) == 2 and Effect.objects.count() > 100)
    # When one is killed
    victim = worker_pids()[0]
    os.kill(victim, signal.SIGKILL)
    # Then every job has its effect, and none is left running
    assert command.ends() == 0, command.output
    assert set(Effect.objects.values_list("label", flat=True)) == {str(n) for n in range(JOBS)}
    assert Job.objects.succeeded().count() == JOBS
    assert not Worker.objects.exists()
    # And the supervisor has told what it found
    assert "worker.died" in command.output
    assert f"pid={victim}" in command.output
    # And only jobs that had begun were charged: all but those that ran at that moment had an effect
    charged = Job.objects.filter(attempts__gt=1).values_list("kwargs__label", flat=True)
    ran = Effect.objects.filter(pid=victim).values_list("label", flat=True)
    assert len(set(charged) - set(ran)) <= 10


def test_a_killed_lone_worker_is_rescued_by_another_within_two_heartbeat_timeouts(runjobs):
    # Given two workers without a supervisor, one of which runs ten jobs that will not end
    enqueue_many([wait_at_gate.job.with_kwargs(label=f"gate-{n}") for n in range(10)])
    runjobs("--processes", "0")
    wait_until(lambda: Effect.objects.count() == 10)
    victim = Worker.objects.get()
    enqueue_many([leave_effect.job.with_kwargs(label=str(n)) for n in range(JOBS)])
    runjobs("--processes", "0")
    wait_until(lambda: Worker.objects.count() == 2)
    # When it is killed
    os.kill(victim.pid, signal.SIGKILL)
    killed = time.monotonic()
    # Then its jobs are taken back in time
    wait_until(lambda: not Worker.objects.filter(pk=victim.pk).exists())
    assert time.monotonic() - killed < 2 * HEARTBEAT_TIMEOUT
    assert not Job.objects.running().filter(worker=victim.pk).exists()
    # And all jobs end with the other one
    Gate.objects.bulk_create([Gate(name=f"gate-{n}") for n in range(10)])
    wait_until(lambda: Job.objects.succeeded().count() == JOBS + 10)
    assert Effect.objects.filter(label__endswith="ended").count() == 10
    # And the error says what became of the first attempt
    error = Job.objects.get(kwargs__label="gate-0").errors[0]
    assert error["exception"].endswith("WorkerLost")
    assert error["attempt"] == 1


def test_a_job_that_kills_its_worker_is_charged_and_its_neighbours_are_not(runjobs):
    # Given a job that kills its process, among others that have one attempt only
    spec = take_time.job.with_max_attempts(1)
    specs = [spec.with_kwargs(label=str(n), seconds=0.001) for n in range(200)]
    specs.insert(100, kill_own_process.job.with_kwargs(label="killer"))
    enqueue_many(specs)
    # When they are run, one at a time
    command = runjobs("--burst", "--concurrency", "1")
    # Then the killer has had its two attempts, and no more
    assert command.ends() == 0, command.output
    killer = Job.objects.get(name=kill_own_process.job.func)
    assert (killer.state, killer.attempts) == (Job.State.FAILED, 2)
    assert [error["exception"].rpartition(".")[2] for error in killer.errors] == ["WorkerLost"] * 2
    assert Effect.objects.filter(label="killer").count() == 2
    # And each neighbour has run once
    assert Job.objects.succeeded().filter(attempts=1).count() == 200
    assert Effect.objects.exclude(label="killer").count() == 200


def test_workers_whose_supervisor_is_killed_stop_by_themselves(runjobs):
    # Given a supervisor with two workers at work
    command = runjobs("--processes", "2")
    wait_until(lambda: len(worker_pids()) == 2)
    pids = worker_pids()
    # When the supervisor is killed
    command.send(signal.SIGKILL)
    # Then its workers leave in order
    wait_until(lambda: not Worker.objects.exists())
    wait_until(lambda: not any(_is_alive(pid) for pid in pids))


def _is_alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
