"""A supervisor whose worker has died while the database refuses to hear of it."""

from __future__ import annotations

import os
import signal

import pytest
from django.db import connection

from django_jobs import enqueue
from django_jobs.models import Job
from testproject.ledger.jobs import nothing
from tests.lifecycle.conftest import worker_pids
from tests.threads import wait_until

#: Tries that its pauses leave time for, on a slow machine too.
FEW = 20


def succeeds(job: Job) -> None:
    """Wait until a worker has run it."""
    wait_until(lambda: Job.objects.succeeded().filter(pk=job.pk).exists())


@pytest.fixture
def refuse(transactional_db):
    """Return a function that lets every rescue fail, until it is told otherwise."""
    hidden = False

    def rename(hide):
        nonlocal hidden
        if hide != hidden:
            names = ("django_jobs_worker", "hidden")
            with connection.cursor() as cursor:
                cursor.execute("ALTER TABLE {} RENAME TO {}".format(*names[:: 1 if hide else -1]))
            hidden = hide

    yield rename
    rename(False)


@pytest.fixture
def bereft(refuse, runjobs):
    """Return a supervisor that has tried to rescue its dead worker, in vain, several times."""
    command = runjobs("--processes", "1")
    succeeds(enqueue(nothing.job))
    (pid,) = worker_pids()
    refuse(True)
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: command.output.count("rescue.failed") >= 3)
    return command


def test_it_tries_again_after_pauses_and_can_be_stopped(bereft):
    bereft.send(signal.SIGTERM)

    assert bereft.ends(within=15) == 0
    assert bereft.output.count("rescue.failed") < FEW


def test_it_starts_another_worker_when_the_database_hears_again(bereft, refuse):
    refuse(False)

    succeeds(enqueue(nothing.job))
    bereft.send(signal.SIGTERM)
    assert bereft.ends() == 0
