"""Workers that are told by their rows to be quiet, to work again, or to stop."""

from __future__ import annotations

import signal

import pytest

from django_jobs import enqueue
from django_jobs.api import quiet_workers, resume_workers, stop_workers
from django_jobs.models import Job, Worker
from testproject.ledger.jobs import leave_effect, wait_at_gate
from testproject.ledger.models import Effect, Gate
from tests.threads import wait_until


def has_begun(label):
    return Effect.objects.filter(label=f"{label}: begun").exists()


def heard(worker, order):
    return Worker.objects.filter(pk=worker.pk, heard=order).exists()


def succeeded(row):
    return Job.objects.succeeded().filter(pk=row.pk).exists()


@pytest.mark.usefixtures("channel")
@pytest.mark.parametrize("processes", ["0", "1"])
def test_a_quiet_worker_claims_nothing_ends_what_it_runs_and_works_again(processes, runjobs):
    # Given a worker with a job that runs
    running = wait_at_gate.enqueue(label="one")
    command = runjobs("--processes", processes)
    wait_until(lambda: has_begun("one"))
    worker = Worker.objects.get()
    # When it is told to be quiet, and says that it is
    assert quiet_workers([worker]) == 1
    wait_until(lambda: heard(worker, "quiet"))
    waiting = leave_effect.enqueue(label="two")
    # Then its job ends in its own time, and another one stays where it is
    Gate.objects.create(name="one")
    wait_until(lambda: succeeded(running))
    waiting.refresh_from_db()
    assert (waiting.state, waiting.claims) == ("ready", 0)
    # And when it is told to work again, it does
    assert resume_workers([worker]) == 1
    wait_until(lambda: succeeded(waiting))
    wait_until(lambda: heard(worker, ""))
    # And it stops as ever
    command.send(signal.SIGTERM)
    assert command.ends() == 0, command.output
    assert command.output.count("worker.told") == 2


@pytest.mark.usefixtures("channel")
def test_what_a_quiet_worker_has_not_begun_goes_to_others(runjobs):
    # Given a worker with one place, which has claimed ahead
    for label in ("one", "two", "three"):
        enqueue(wait_at_gate.job.with_kwargs(label=label))
    runjobs("--processes", "0", "--concurrency", "1")
    wait_until(lambda: has_begun("one"))
    # When it is told to be quiet
    quiet_workers([Worker.objects.get()])
    wait_until(lambda: heard(Worker.objects.get(), "quiet"))
    # Then it holds what it runs, and nothing else
    assert Job.objects.running().count() == 1
    assert Job.objects.ready().count() == 2


@pytest.mark.usefixtures("channel")
def test_workers_that_are_told_to_stop_lose_nothing_and_are_not_replaced(runjobs):
    # Given two workers of one supervisor, each with a job that runs
    rows = [enqueue(wait_at_gate.job.with_kwargs(label=label)) for label in ("one", "two")]
    command = runjobs("--processes", "2", "--concurrency", "1")
    wait_until(lambda: has_begun("one") and has_begun("two"))
    first, second = Worker.objects.order_by("pk")
    # When the one is told to stop
    assert stop_workers([first]) == 1
    wait_until(lambda: heard(first, "stop"))
    third = leave_effect.enqueue(label="three")
    for label in ("one", "two"):
        Gate.objects.create(name=label)
    # Then its job ends in its own time, the worker leaves, and the other one goes on
    wait_until(lambda: all(succeeded(row) for row in [*rows, third]))
    wait_until(lambda: not Worker.objects.filter(pk=first.pk).exists())
    assert Worker.objects.get() == second
    # And when the last one is told to stop, the command ends, as it was told
    assert stop_workers([second]) == 1
    assert command.ends() == 0, command.output
    assert not Worker.objects.exists()
    assert list(Job.objects.values_list("attempts", flat=True)) == [1, 1, 1]


def test_a_job_that_does_not_end_in_time_is_given_back(runjobs):
    # Given a worker with a job that does not end
    row = wait_at_gate.enqueue(label="one")
    command = runjobs("--processes", "0", "--shutdown-timeout", "0.3")
    wait_until(lambda: has_begun("one"))
    # When it is told to stop
    stop_workers([Worker.objects.get()])
    # Then the job is as if nothing had been
    assert command.ends() == 0, command.output
    row.refresh_from_db()
    assert (row.state, row.attempts, row.worker_id) == ("ready", 0, None)
