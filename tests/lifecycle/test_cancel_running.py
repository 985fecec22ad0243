"""Jobs that are cancelled while they run in another process."""

from __future__ import annotations

import time

import pytest

from django_jobs import JobSpec, cancel, enqueue, retry
from django_jobs.models import Job
from testproject.ledger.models import Effect
from tests.lifecycle.gates import FileGate
from tests.threads import wait_until

#: Seconds from the cancellation to the end of the run: what the machine needs to do it.
SOON = 3.0
GRACE = 0.2

VICTIMS = {
    "thread.wait_to_be_cancelled": "thread.wait_at_file",
    "asyncio.wait_to_be_cancelled": "asyncio.wait_at_file",
    "process.wait_to_be_cancelled": "process.wait_at_file",
    "process.leave_an_effect_and_spin": "process.wait_at_file",
}


@pytest.fixture
def gate(tmp_path, monkeypatch):
    """Return where the neighbours wait."""
    monkeypatch.setenv("DJANGO_JOBS_JOB_PROCESSES", "2")
    monkeypatch.setenv("DJANGO_JOBS_TIMEOUT_GRACE", str(GRACE))
    return FileGate(tmp_path / "gate")


@pytest.mark.parametrize("victim", VICTIMS)
def test_the_run_is_stopped_and_its_neighbours_go_on(victim, channel, runjobs, gate):
    # Given a worker with two jobs that run
    row = enqueue(JobSpec(func=victim, kwargs={"label": "victim"}))
    neighbour = enqueue(gate.spec(VICTIMS[victim]))
    command = runjobs()
    wait_until(lambda: gate.begun and Effect.objects.exists())
    # When one is cancelled
    began = time.monotonic()
    assert cancel(row)
    # Then its row says so at once, and soon it is stopped
    row.refresh_from_db()
    assert row.state == Job.State.CANCELLED
    wait_until(lambda: f"job.abandoned id={row.pk}" in command.output)
    assert time.monotonic() - began < SOON
    # And the other job is as it was, and ends
    assert Job.objects.running().get() == neighbour
    gate.let_go()
    assert neighbour.wait(timeout=20).attempts == 1
    row.refresh_from_db()
    assert (row.state, row.attempts, row.errors) == (Job.State.CANCELLED, 1, [])


@pytest.mark.parametrize("kind", ["thread", "asyncio", "process"])
def test_a_cancelled_job_may_be_tried_again_in_the_same_worker(kind, runjobs, gate):
    # Given a worker with a job that runs
    row = enqueue(gate.spec(f"{kind}.wait_at_file"))
    runjobs()
    wait_until(lambda: gate.begun)
    # When it is cancelled and tried again, and the worker takes it, whether or not it could stop
    # the first run yet
    row.refresh_from_db()
    assert cancel(row)
    assert retry(row)
    wait_until(lambda: Job.objects.running().filter(claims=row.claims + 3).exists())
    gate.let_go()
    # Then it has run anew, whatever became of the first run
    wait_until(lambda: Job.objects.succeeded().exists())
    assert len(gate.begun) == 2


def test_a_job_that_was_cancelled_while_it_waited_may_be_tried_again(runjobs, gate):
    # Given a worker with one process, which is taken, and a job claimed ahead of it
    first, second = (enqueue(gate.spec("process.wait_at_file")) for _ in range(2))
    runjobs("--concurrency", "1")
    wait_until(lambda: gate.begun)
    # When the one that waits is cancelled, and tried again
    assert cancel(second)
    assert retry(second)
    gate.let_go()
    # Then both have run
    wait_until(lambda: Job.objects.succeeded().count() == 2)
    assert first.wait(timeout=1).attempts == 1
