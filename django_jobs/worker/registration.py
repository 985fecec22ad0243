"""How a worker makes itself known, and takes its leave."""

from __future__ import annotations

import logging
import os
import socket

import django_jobs
from django_jobs import catalogue, engine, models
from django_jobs.conf import Options
from django_jobs.limits import DEFAULT_UNITS
from django_jobs.orders import WorkerOptions
from django_jobs.scheduling import declared
from django_jobs.signals import worker_started, worker_stopped
from django_jobs.worker.gauges import Gauges
from django_jobs.worker.signposts import own_tags

logger = logging.getLogger("django_jobs")


class Registration:
    """The row of a worker, from before its first claim until it owns nothing any more."""

    def __init__(
        self, given: WorkerOptions, settings: Options, concurrency: int, gauges: Gauges
    ) -> None:
        self._given, self._settings = given, settings
        self._concurrency, self._gauges = concurrency, gauges
        self.name = f"{socket.gethostname()}:{os.getpid()}"
        self.id = 0

    def enter(self) -> None:
        """Register the worker, make sure of the declared queues, and tell of it."""
        self.id = engine.register(
            hostname=socket.gethostname(),
            pid=os.getpid(),
            queues=self._given.queues,
            concurrency=self._concurrency,
            tags=(*own_tags(), *self._given.tags),
            units=self._given.units or self._settings.units or DEFAULT_UNITS,
            version=django_jobs.__version__,
            using=self._given.using,
        )
        for queue in self._settings.queues:
            engine.ensure_queue(queue, using=self._given.using)
        catalogue.sync_at_start(using=self._given.using)
        if self._given.declares:
            engine.declare(declared(), using=self._given.using)
        self._gauges.worker = self.id
        logger.info(
            "worker.started id=%s name=%s queues=%s concurrency=%s",
            self.id, self.name, ",".join(self._given.queues) or "all", self._concurrency,
        )  # fmt: skip
        worker_started.send_robust(sender=models.Worker, worker=self.id, name=self.name)

    def delete(self) -> None:
        """Forget the worker, which owns nothing any more."""
        engine.deregister(self.id, using=self._given.using)

    def leave(self) -> None:
        """Tell that the worker has stopped, and what it has done."""
        gauges = self._gauges
        gauges.running = 0
        worker_stopped.send_robust(sender=models.Worker, worker=self.id, name=self.name)
        logger.info(
            "worker.stopped id=%s name=%s processed=%s succeeded=%s retried=%s failed=%s",
            self.id, self.name, gauges.processed, gauges.succeeded, gauges.retried,
            gauges.failed,
        )  # fmt: skip
