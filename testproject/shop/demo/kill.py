"""Killing a worker, and watching what becomes of its jobs."""

import os
import signal
import socket
import time
from collections import Counter
from dataclasses import dataclass

from django_jobs.models import Job, Worker
from testproject.shop.demo.clock import moment, wait_for
from testproject.shop.demo.run import Run

#: How long the dead worker's jobs may stay with it, in seconds.
RESCUE_TIMEOUT = 60


@dataclass(frozen=True)
class Casualty:
    """A worker that was killed and the jobs it was running, each with its claim."""

    worker: int
    pid: int
    claims: dict[int, int]
    names: Counter[str]

    def in_hand(self) -> int:
        """Count the jobs that it was still running at its death."""
        return Job.objects.filter(
            pk__in=self.claims, worker=self.worker, state=Job.State.RUNNING
        ).count()

    def rescued(self) -> int:
        """Count the jobs that were taken back: their claim has changed hands since."""
        now = Job.objects.filter(pk__in=self.claims).values_list("pk", "claims")
        return sum(claims > self.claims[pk] for pk, claims in now)

    def finished(self) -> int:
        """Count the jobs that succeeded in the end."""
        return Job.objects.filter(pk__in=self.claims, state=Job.State.SUCCEEDED).count()


def kill_busiest(run: Run, holding: str | None = None) -> Casualty | None:
    """Send SIGKILL to the worker of this run with the most jobs in hand, if one has any.

    With ``holding``, the name of a job function, only while it runs a job of that.
    """
    worker = busiest(run)
    if worker is None:
        return None
    # Stopped first, so that what it holds is what it dies with.
    os.kill(worker.pid, signal.SIGSTOP)
    held = list(run.jobs().filter(worker=worker, state=Job.State.RUNNING))
    dies = any(holding in (None, job.name) for job in held)
    os.kill(worker.pid, signal.SIGKILL if dies else signal.SIGCONT)
    return casualty(worker, held) if dies else None


def busiest(run: Run) -> Worker | None:
    """Return the worker that was started on this host for this run and runs the most jobs."""
    workers = Worker.objects.filter(hostname=socket.gethostname(), started_at__gt=run.started_at)
    counted = Counter(
        run.jobs()
        .filter(worker__in=workers, state=Job.State.RUNNING)
        .values_list("worker", flat=True)
    )
    # It may have stopped meanwhile, and then its row is gone.
    return workers.filter(pk=counted.most_common(1)[0][0]).first() if counted else None


def casualty(worker: Worker, held: list[Job]) -> Casualty:
    """Remember a worker and its jobs."""
    return Casualty(
        worker=worker.pk,
        pid=worker.pid,
        claims={job.pk: job.claims for job in held},
        names=Counter(job.name for job in held),
    )


def watch_rescue(dead: Casualty) -> float | None:
    """Wait until the dead worker has no job any more; return the seconds, or None if too many."""
    killed_at = time.monotonic()
    free = wait_for(lambda: dead.in_hand() == 0, moment(RESCUE_TIMEOUT))
    return time.monotonic() - killed_at if free else None
