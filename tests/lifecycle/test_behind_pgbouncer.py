"""Workers behind pgbouncer in transaction mode; ./scripts/with_pgbouncer tests much more there."""

from __future__ import annotations

import os
import signal
from functools import partial

import pytest

from django_jobs import enqueue_many
from django_jobs.models import Job, Worker
from testproject.ledger.jobs import leave_effect
from testproject.ledger.models import Effect
from tests.databases import url_of_server
from tests.lifecycle.conftest import worker_pids
from tests.lifecycle.outages import other_connections
from tests.pgbouncer import AS_DOCUMENTED, bouncing, is_installed
from tests.threads import wait_until

pytestmark = pytest.mark.skipif(not is_installed(), reason="pgbouncer is not installed")

JOBS = 500

#: Connections to the server, for two workers that want a dozen each: nobody has one of their own.
POOL = 5


@pytest.fixture
def proxy(monkeypatch):
    """Let workers be behind pgbouncer."""
    for name, value in AS_DOCUMENTED.items():
        monkeypatch.setenv(name, value)
    with bouncing(url_of_server(), POOL) as url:
        monkeypatch.setenv("DATABASE_URL", url)
        yield


def test_a_worker_behind_pgbouncer_is_killed_and_no_job_is_lost(transactional_db, proxy, runjobs):
    # Given two workers in the middle of many jobs, on fewer connections than they have opened
    enqueue_many([leave_effect.job.with_kwargs(label=str(n)) for n in range(JOBS)])
    command = runjobs("--processes", "2")
    wait_until(lambda: len(worker_pids()) == 2 and Effect.objects.count() > 100)
    assert 0 < other_connections() <= POOL
    # When one is killed
    victim = worker_pids()[0]
    os.kill(victim, signal.SIGKILL)
    # Then every job has its effect, and another worker takes the place of the dead one
    wait_until(lambda: Job.objects.succeeded().count() == JOBS)
    assert set(Effect.objects.values_list("label", flat=True)) == {str(n) for n in range(JOBS)}
    wait_until(lambda: len(worker_pids()) == 2 and victim not in worker_pids())
    # And they stop in order
    command.send(signal.SIGTERM)
    assert command.ends() == 0, command.output
    assert not Worker.objects.exists()


def test_workers_poll_where_listen_was_left_on(transactional_db, proxy, runjobs, monkeypatch):
    # Given a worker that listens where nothing can be heard
    monkeypatch.setenv("DJANGO_JOBS_LISTEN", "True")
    command = runjobs("--processes", "0")
    wait_until(worker_pids)
    # When jobs come, one after the other
    for number in range(5):
        row = leave_effect.enqueue(label=str(number))
        # Then each is found
        wait_until(partial(_has_succeeded, row))
    # And the worker was told that it listens in vain
    assert "django_jobs.W012" in command.output


def _has_succeeded(row: Job) -> bool:
    return Job.objects.succeeded().filter(pk=row.pk).exists()
