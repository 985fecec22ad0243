"""Writes down what has ended and what waits, so that there are charts of it."""

from __future__ import annotations

import time

from django.db.utils import Error

from django_jobs import engine
from django_jobs.chronicle import Chronicle
from django_jobs.services.base import Service

#: Seconds between two writes: what a killed worker may leave untold.
INTERVAL = 10.0
#: Seconds between two looks at the backlog; with the interval less than a minute, so that none is
#: left out.
LOOK = 45.0


class Historian(Service):
    """Writes what a worker has counted, and looks at the backlog once a minute, if first."""

    def __init__(self, chronicle: Chronicle, using: str) -> None:
        super().__init__(INTERVAL, using)
        self.chronicle = chronicle
        self._looked_at = float("-inf")

    def run_once(self) -> int:
        """Write, look where it is time, and return 0: no job is moved."""
        self.write()
        now = time.monotonic()
        if now - self._looked_at >= LOOK:
            self._looked_at = now
            engine.sample(using=self.using)
        return 0

    def write(self) -> None:
        """Write what was counted since the last time."""
        taken = self.chronicle.take()
        try:
            engine.write_history(taken, using=self.using)
        except Error:
            self.chronicle.put_back(taken)
            raise
