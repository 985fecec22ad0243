"""A worker that is told to stop while its database is away."""

from __future__ import annotations

import threading
from contextlib import contextmanager

import pytest

from django_jobs.models import Job, Worker
from django_jobs.orders import WorkerOptions
from django_jobs.worker.worker import Worker as WorkerProcess
from testproject.ledger.jobs import wait_at_gate
from testproject.ledger.models import Effect, Gate
from tests.rows import rescue_dead, sql, state_of
from tests.threads import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


@contextmanager
def table_away():
    """Take the table of the jobs away, and bring it back."""
    sql("ALTER TABLE django_jobs_job RENAME TO elsewhere")
    try:
        yield
    finally:
        sql("ALTER TABLE elsewhere RENAME TO django_jobs_job")


@pytest.fixture
def stop():
    """Return a function that tells a worker to stop while it runs a job; return it, and the job."""
    threads = []

    def begin(within):
        row = wait_at_gate.enqueue(label="gate")
        worker = WorkerProcess(WorkerOptions(shutdown_timeout=within))
        threads.append(threading.Thread(target=worker.run))
        threads[0].start()
        wait_until(lambda: Effect.objects.filter(label="gate: begun").exists())
        worker.stop()
        return threads[0], row

    yield begin
    Gate.objects.get_or_create(name="gate")
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()


def has_told(caplog, event):
    """Return whether a worker that leaves has told of it: one that goes on says when it retries."""
    lines = [one.getMessage() for one in caplog.records if one.module == "worker"]
    return any(event in line and "retry_in" not in line for line in lines)


def test_an_end_that_cannot_be_recorded_at_first_is_recorded_later(stop, caplog):
    # Given a worker that leaves when its job has ended
    thread, row = stop(within=20)
    # When that ends while the table is away
    with table_away():
        Gate.objects.create(name="gate")
        wait_until(lambda: has_told(caplog, "database.unavailable"))
    # Then it is recorded as soon as the table is back, and the worker leaves in order
    thread.join(20)
    assert state_of(row) == Job.State.SUCCEEDED
    assert not Worker.objects.exists()


def test_one_that_cannot_leave_in_order_leaves_and_others_rescue_its_job(stop, caplog):
    # Given a worker that leaves in a moment
    thread, row = stop(within=0.2)
    # When the table is away until it has left
    with table_away():
        Gate.objects.create(name="gate")
        thread.join(20)
        assert not thread.is_alive()
    # Then it has said so, and whoever finds it silent for too long takes its job back
    assert has_told(caplog, "worker.left_in_disorder id=")
    assert state_of(row) == Job.State.RUNNING
    assert [one.id for one in rescue_dead(timeout=0)] == [row.pk]
