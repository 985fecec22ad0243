"""What all services share: run once, and again after a while, whatever happens."""

from __future__ import annotations

import logging
import random
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence

from django.db import connections
from django.db.utils import Error

from django_jobs.pauses import Pauses

logger = logging.getLogger("django_jobs")


class Service(ABC):
    """One duty, done again and again."""

    def __init__(self, interval: float, using: str) -> None:
        """``interval`` in seconds, spread a little so that workers do not march in step."""
        self.interval = interval
        self.using = using
        self.due = 0.0

    @abstractmethod
    def run_once(self) -> int:
        """Do the duty, and return how many jobs it has moved."""

    def reschedule(self, now: float) -> None:
        """Set when the duty is due again."""
        self.due = now + self.interval * random.uniform(0.8, 1.0)


class Services(threading.Thread):
    """Runs services one after the other in a thread with a connection of its own."""

    def __init__(self, services: Sequence[Service]) -> None:
        super().__init__(name="job-services", daemon=True)
        self._services = services
        self._stopping = threading.Event()

    def run(self) -> None:
        """Run each service when it is due, until stopped; outlive the database's outages."""
        pauses = Pauses()
        while not self._stopping.is_set():
            try:
                self.run_due()
                pauses.reset()
                pause = min(service.due for service in self._services) - time.monotonic()
            except Error as error:
                pause = pauses.next()
                logger.warning("services.interrupted error=%s retry_in=%.1f", error, pause)
                connections.close_all()
            self._stopping.wait(max(0.0, pause))
        connections.close_all()

    def stop(self) -> None:
        """Stop after the duty at hand."""
        self._stopping.set()

    def run_due(self) -> None:
        """Run each service that is due, once."""
        for service in self._services:
            if service.due <= time.monotonic() and not self._stopping.is_set():
                service.run_once()
                service.reschedule(time.monotonic())
