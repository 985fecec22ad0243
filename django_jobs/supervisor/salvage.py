"""What is saved of the jobs of a worker process that has died."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence

from django.db import connections
from django.db.utils import Error

from django_jobs import engine
from django_jobs.chronicle import Chronicle
from django_jobs.conf import Options
from django_jobs.orders import WorkerOptions
from django_jobs.supervisor.place import Place
from django_jobs.worker.budget import Budget

logger = logging.getLogger("django_jobs")


class Salvage:
    """Rescues the jobs of dead workers for their supervisor, and keeps its accounts right."""

    def __init__(self, given: WorkerOptions, settings: Options, budget: Budget) -> None:
        self._using, self._retention, self._budget = given.using, settings.retention, budget

    def rescue(self, place: Place) -> bool:
        """Take back what the worker has left; return whether the database was there to do so."""
        worker, reason = place.gauges.worker, place.cause_of_death()
        pid = place.process.pid if place.process is not None else None
        begun, returned = place.recorder.read()
        try:
            rescued = engine.rescue(
                [worker],
                begun=begun,
                returned=returned,
                reason=f"The worker process {pid} {reason}.",
                retention=self._retention,
                using=self._using,
            )
            self._account_for(place, rescued)
            self._tell(rescued)
        except Error as error:
            logger.warning("rescue.failed worker=%s error=%s", worker, error)
            return False
        finally:
            connections[self._using].close()
        logger.error(
            "worker.died id=%s pid=%s cause=%r begun=%s returned=%s rescued=%s",
            worker, pid, reason, len(begun), len(returned), len(rescued),
        )  # fmt: skip
        return True

    def _tell(self, rescued: Sequence[engine.Rescued]) -> None:
        chronicle = Chronicle()
        for job in rescued:
            chronicle.count_rescued(job.queue, job.state)
        engine.write_history(chronicle.take(), using=self._using)

    def _account_for(self, place: Place, rescued: Sequence[engine.Rescued]) -> None:
        states = Counter(job.state for job in rescued)
        place.gauges.failed += states["failed"]
        place.gauges.succeeded += states["succeeded"]
        place.gauges.processed += states["failed"] + states["succeeded"]
        self._budget.give_back(states["ready"])
