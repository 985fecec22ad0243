"""A worker that was stopped for too long, and wakes: a zombie."""

from __future__ import annotations

import os
import signal

from django_jobs.models import Job, Worker
from testproject.ledger.jobs import wait_at_gate
from testproject.ledger.models import Effect, Gate
from tests.threads import wait_until


def test_the_late_finish_of_a_zombie_changes_nothing(runjobs):
    # Given a worker that is stopped in the middle of a job, for longer than its timeout
    row = wait_at_gate.enqueue(label="gate")
    first = runjobs("--processes", "0")
    wait_until(lambda: Effect.objects.filter(label="gate: begun").count() == 1)
    zombie = Worker.objects.get()
    first.send(signal.SIGSTOP)
    # And another one that has taken the job over and runs it
    runjobs("--processes", "0")
    wait_until(lambda: Effect.objects.filter(label="gate: begun").count() == 2)
    row.refresh_from_db()
    holder, claims = row.worker_id, row.claims
    assert holder not in {None, zombie.pk}
    # When the other is stopped before its end, and the zombie wakes and comes to its own
    second = Worker.objects.exclude(pk=zombie.pk).get()
    Worker.objects.filter(pk=second.pk).update(heartbeat_at="2999-01-01T00:00:00Z")
    second_pid = second.pid
    os.kill(second_pid, signal.SIGSTOP)
    Gate.objects.create(name="gate")
    first.send(signal.SIGCONT)
    wait_until(lambda: Effect.objects.filter(label="gate: ended", pid=zombie.pid).exists())
    # Then it stops itself
    first.ends()
    assert "worker.lost" in first.output
    # And its late finish was refused and told of
    assert f"job.lost id={row.pk}" in first.output
    row.refresh_from_db()
    assert (row.state, row.worker_id, row.claims) == (Job.State.RUNNING, holder, claims)
    # And the one who holds the job finishes it
    os.kill(second_pid, signal.SIGCONT)
    wait_until(lambda: Job.objects.succeeded().filter(pk=row.pk).exists())
    row.refresh_from_db()
    assert (row.result, row.attempts) == (f"ended in {second_pid}", 2)
