"""Limits that hold over several commands on one host, at any instant of the ledger."""

from __future__ import annotations

import os
import signal

import pytest

from django_jobs import enqueue_many
from django_jobs.models import Job, Worker
from testproject.ledger import limited
from testproject.ledger.jobs import leave_effect, nothing
from testproject.ledger.models import Effect, Gate
from tests.threads import wait_until

JOBS = 60


def most_at_once() -> int:
    """Return how many jobs the ledger shows between their begin and their end, at most."""
    running, most = set(), 0
    # Each line was written on its own and committed before its job was recorded as ended.
    for label in Effect.objects.order_by("made_at", "pk").values_list("label", flat=True):
        job, _, what = label.partition(": ")
        if what == "begun":
            running.add(job)
            most = max(most, len(running))
        else:
            running.discard(job)
    assert not running
    return most


@pytest.mark.parametrize(
    ("function", "most"),
    [(limited.take_two_units, 2), (limited.run_three_at_once, 3), (limited.run_two_per_host, 2)],
    ids=["units", "max_running", "max_running_per_host"],
)
def test_three_commands_on_one_host_keep_to_a_limit_together(function, most, runjobs):
    # Given jobs with a limit, and others that have none
    enqueue_many([function.job.with_args(str(number)) for number in range(JOBS)])
    enqueue_many([nothing.job.with_queue("others")] * JOBS)
    # When three commands run them
    for _ in range(3):
        runjobs("--processes", "1", "--units", "4")
    wait_until(lambda: Job.objects.succeeded().count() == 2 * JOBS)
    # Then at no instant more have been running, and the limit was made use of
    assert most_at_once() == most
    # And each has run once
    assert Effect.objects.count() == 2 * JOBS
    assert not Job.objects.exclude(attempts=1).exists()


def test_the_permits_of_a_killed_worker_come_back_when_its_jobs_are_rescued(runjobs):
    # Given a worker that holds all permits of a function
    enqueue_many([limited.hold_one_of_two.job.with_args(str(number)) for number in range(6)])
    runjobs("--processes", "0")
    wait_until(lambda: Effect.objects.count() == 2)
    victim = Worker.objects.get()
    # And another one, that gets none, and goes on with other jobs
    runjobs("--processes", "0")
    enqueue_many([leave_effect.job.with_kwargs(label=f"free-{n}") for n in range(10)])
    wait_until(lambda: Worker.objects.count() == 2)
    wait_until(lambda: Effect.objects.filter(label__startswith="free").count() == 10)
    assert Job.objects.running().count() == 2
    # When the first one is killed
    os.kill(victim.pid, signal.SIGKILL)
    # Then the other one takes over, two at a time
    wait_until(lambda: Effect.objects.exclude(pid=victim.pid).filter(label__endswith="begun")[1:2])
    assert Job.objects.running().count() == 2
    Gate.objects.create(name="permits")
    wait_until(lambda: Job.objects.succeeded().count() == 16)
    Effect.objects.filter(pid=victim.pid).delete()
    Effect.objects.filter(label__startswith="free").delete()
    assert most_at_once() == 2


def test_a_job_that_can_never_fit_waits_and_stops_nobody(runjobs):
    # Given a job that takes more than its host has, in front of others
    large = limited.take_two_units.job.with_args("large").with_priority(100)
    enqueue_many([large, *[nothing.job] * 10])
    # When they are run in a burst
    command = runjobs("--burst", "--units", "1")
    # Then the others have run, and it waits
    assert command.ends() == 0, command.output
    assert Job.objects.succeeded().count() == 10
    assert Job.objects.ready().get().attempts == 0
