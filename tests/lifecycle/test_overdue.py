"""Jobs that go on after their time and cannot be stopped: only a new process frees their place."""

from __future__ import annotations

import sys

import pytest

from django_jobs import JobSpec, enqueue
from django_jobs.models import Job
from testproject.ledger.models import Effect
from tests.lifecycle.conftest import worker_pids
from tests.lifecycle.gates import FileGate
from tests.threads import wait_until
from tests.torture.fleet import Process

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="there is no /proc to look into"
)


@pytest.mark.parametrize("job", ["thread.ignore_the_timeout_once", "asyncio.block_the_loop_once"])
def test_the_worker_is_replaced_its_other_jobs_end_and_the_place_is_free(
    job, runjobs, tmp_path, monkeypatch
):
    # Given a worker with two places for each kind: one job will never end, another one in time
    monkeypatch.setenv("DJANGO_JOBS_TIMEOUT_GRACE", "0.3")
    gate = FileGate(tmp_path / "gate")
    neighbour = enqueue(gate.spec("thread.wait_at_file"))
    stuck = enqueue(JobSpec(func=job))
    command = runjobs("--concurrency", "2")
    wait_until(lambda: gate.begun and Effect.objects.exists())
    (first,) = map(Process.of, worker_pids())
    # When the time of the one is over, and its grace as well
    wait_until(lambda: "worker.recycled" in command.output)
    # Then the other one may end in its own time
    assert first.is_alive
    gate.let_go()
    wait_until(lambda: not first.is_alive)
    neighbour.refresh_from_db()
    assert (neighbour.state, neighbour.attempts) == (Job.State.SUCCEEDED, 1)
    assert neighbour.result == f"ended in {first.pid}"
    # And the attempt has failed by its timeout, the next one runs in a new worker
    stuck.wait(timeout=20)
    (second,) = worker_pids()
    assert second != first.pid
    assert (stuck.state, stuck.attempts) == (Job.State.SUCCEEDED, 2)
    assert stuck.result == f"ended in {second}"
    assert [error["exception"].rpartition(".")[2] for error in stuck.errors] == ["JobTimeout"]
    # And nobody has died
    assert "worker.died" not in command.output
