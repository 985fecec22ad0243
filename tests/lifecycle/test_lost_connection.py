"""Workers whose connections to the database break."""

from __future__ import annotations

import signal
from functools import partial

from django_jobs import enqueue_many
from django_jobs.models import Job
from testproject.ledger.jobs import leave_effect, nothing
from testproject.ledger.models import Effect
from tests.lifecycle.conftest import worker_pids
from tests.lifecycle.outages import hasten, terminate_others
from tests.threads import wait_until

JOBS = 2000


def test_a_worker_survives_the_loss_of_all_its_connections(runjobs):
    # Given a worker in the middle of many jobs
    enqueue_many([leave_effect.job.with_kwargs(label=str(n)) for n in range(JOBS)])
    command = runjobs("--processes", "0")
    wait_until(lambda: Effect.objects.count() > 100)
    (pid,) = worker_pids()
    # When its connections break, again and again
    for _ in range(3):
        assert terminate_others() > 0
        # What is counted now nobody adds to before there are connections again.
        wait_until(partial(_has_effects, min(Effect.objects.count() + 100, JOBS)))
    # Then every job is done, by the same process; those that were cut off at their second attempt
    wait_until(lambda: hasten() == 0 and Job.objects.succeeded().count() == JOBS)
    assert set(Effect.objects.values_list("label", flat=True)) == {str(n) for n in range(JOBS)}
    assert worker_pids() == [pid]
    # And it still hears of new jobs, and stops in order
    row = nothing.enqueue()
    wait_until(lambda: Job.objects.succeeded().filter(pk=row.pk).exists())
    command.send(signal.SIGTERM)
    assert command.ends() == 0, command.output
    assert "worker.lost" not in command.output


def _has_effects(goal: int) -> bool:
    return Effect.objects.count() >= goal
