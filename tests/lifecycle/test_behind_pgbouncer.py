"""Workers behind pgbouncer in transaction mode; ./scripts/with_pgbouncer tests much more there."""

from __future__ import annotations

import os
import signal

import pytest

from django_jobs import enqueue_many
from django_jobs.models import Job, Worker
from testproject.ledger.jobs import leave_effect
from testproject.ledger.models import Effect
from tests.databases import url_of_server
from tests.lifecycle.conftest import worker_pids
from tests.lifecycle.outages import other_connections
from tests.pgbouncer import bouncing, is_installed
from tests.threads import wait_until

pytestmark = pytest.mark.skipif(not is_installed(), reason="pgbouncer is not installed")

JOBS = 500

#: Connections to the server, for two workers that want a dozen each: nobody has one of their own.
POOL = 5


@pytest.fixture(params=[False, True], ids=["as the documentation says", "with LISTEN left on"])
def proxy(request, monkeypatch):
    """Let workers be behind pgbouncer."""
    monkeypatch.setenv("DJANGO_JOBS_LISTEN", str(request.param))
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
    # And who comes later is found, and they stop in order
    (late,) = enqueue_many([leave_effect.job.with_kwargs(label="late")])
    wait_until(lambda: Job.objects.succeeded().filter(pk=late.pk).exists())
    command.send(signal.SIGTERM)
    assert command.ends() == 0, command.output
    assert not Worker.objects.exists()
