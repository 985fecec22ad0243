"""Workers whose connections come out of psycopg's pool."""

from __future__ import annotations

import signal

import pytest

from django_jobs import enqueue_many
from django_jobs.models import Job
from testproject.ledger.jobs import leave_effect, wait_at_gate
from testproject.ledger.models import Effect, Gate
from tests.lifecycle.conftest import worker_pids
from tests.lifecycle.outages import hasten, other_connections, terminate_others
from tests.threads import wait_until

JOBS = 1000

#: Connections in a pool that is only said to be there, as psycopg has it.
SIZE = 4

pytestmark = pytest.mark.usefixtures("pool")


@pytest.fixture
def pool(monkeypatch):
    """Let workers have OPTIONS["pool"]."""
    monkeypatch.setenv("DATABASE_POOL", "true")


def test_jobs_take_turns_where_there_are_more_of_them_than_connections(runjobs):
    # Given a worker with ten places and four connections, three of which are its own
    enqueue_many([wait_at_gate.job.with_kwargs(label=str(n)) for n in range(10)])
    command = runjobs("--processes", "0", "--concurrency", "10")
    wait_until(lambda: Effect.objects.exists())
    # When its jobs may end
    assert other_connections() <= SIZE + 1  # and the one that listens
    Gate.objects.bulk_create([Gate(name=str(n)) for n in range(10)])
    # Then each has its turn, at its first attempt
    wait_until(lambda: Job.objects.succeeded().filter(attempts=1).count() == 10)
    # And it was said that they would have to wait
    assert "django_jobs.W011" in command.output


def test_a_job_that_gets_no_connection_in_time_fails_that_attempt(runjobs, monkeypatch):
    # Given a pool that lets nobody wait for long, and jobs that hold all of it
    monkeypatch.setenv("DATABASE_POOL", '{"timeout": 0.5}')
    enqueue_many([wait_at_gate.job.with_kwargs(label=str(n)) for n in range(10)])
    runjobs("--processes", "0", "--concurrency", "10")
    # When some have waited
    wait_until(lambda: Job.objects.scheduled().exists())
    # Then their attempt says why
    (error,) = Job.objects.scheduled()[0].errors
    assert error["exception"].endswith("OperationalError")
    assert "couldn't get a connection" in error["message"]
    # And the worker lives, and does them when it may
    Gate.objects.bulk_create([Gate(name=str(n)) for n in range(10)])
    wait_until(lambda: hasten() == 0 and Job.objects.succeeded().count() == 10)


def test_a_worker_survives_the_loss_of_all_that_is_in_its_pool(runjobs):
    # Given a worker in the middle of many jobs
    enqueue_many([leave_effect.job.with_kwargs(label=str(n)) for n in range(JOBS)])
    command = runjobs("--processes", "0")
    wait_until(lambda: Effect.objects.count() > 100)
    (pid,) = worker_pids()
    # When its connections break
    assert terminate_others() > 0
    # Then every job is done, by the same process
    wait_until(lambda: hasten() == 0 and Job.objects.succeeded().count() == JOBS)
    assert set(Effect.objects.values_list("label", flat=True)) == {str(n) for n in range(JOBS)}
    assert worker_pids() == [pid]
    # And it stops in order
    command.send(signal.SIGTERM)
    assert command.ends() == 0, command.output
