"""Workers whose primary server goes away, and another takes its place."""

from __future__ import annotations

import signal

import pytest
from django.core.management import call_command
from django.db import connection

from django_jobs import enqueue_many
from django_jobs.models import Job
from postgres.cluster import DATABASE, SUPERUSER
from testproject.ledger.jobs import leave_effect
from testproject.ledger.models import Effect
from tests.lifecycle.conftest import worker_pids
from tests.lifecycle.outages import hasten
from tests.standby import is_possible, pair
from tests.threads import wait_until

pytestmark = pytest.mark.skipif(not is_possible(), reason="no programs of PostgreSQL are here")

JOBS = 1000


@pytest.fixture
def servers(transactional_db):
    """Let the test and its workers use a primary server and a standby of their own."""
    with pair() as servers, pytest.MonkeyPatch.context() as patch:
        connection.close()
        for name, value in {
            "HOST": servers.hosts,
            "PORT": "",
            "USER": SUPERUSER,
            "NAME": DATABASE,
            "OPTIONS": {"target_session_attrs": "read-write", "connect_timeout": 3},
        }.items():
            patch.setitem(connection.settings_dict, name, value)
        patch.setenv("DATABASE_URL", servers.url)
        # Those of the other tests are too short for a new primary.
        patch.setenv("DJANGO_JOBS_HEARTBEAT_TIMEOUT", "30")
        call_command("migrate", verbosity=0)
        yield servers
        connection.close()


def test_workers_find_the_new_primary_and_no_job_is_lost(servers, runjobs):
    # Given a worker in the middle of many jobs, whose first host refuses
    enqueue_many([leave_effect.job.with_kwargs(label=str(n)) for n in range(JOBS)])
    command = runjobs("--processes", "0")
    wait_until(lambda: Effect.objects.count() > 100)
    (pid,) = worker_pids()
    # When the primary is gone, before all is done, and the standby is promoted
    servers.kill_primary()
    connection.close()
    servers.promote()
    assert Job.objects.succeeded().count() < JOBS
    # Then all jobs are done there, by the same process
    wait_until(lambda: hasten() == 0 and Job.objects.succeeded().count() == JOBS)
    assert set(Effect.objects.values_list("label", flat=True)) == {str(n) for n in range(JOBS)}
    assert worker_pids() == [pid]
    # And it stops in order
    command.send(signal.SIGTERM)
    assert command.ends() == 0, command.output
    assert "worker.lost" not in command.output
