"""The signs of life of a worker, and its own doubt when they fail."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from django.db import connections
from django.db.utils import Error

from django_jobs import engine
from django_jobs.memory import resident
from django_jobs.pauses import Pauses
from django_jobs.worker.conduct import Conduct

logger = logging.getLogger("django_jobs")


class Heart(threading.Thread):
    """Renews the heartbeat of a worker; calls ``lost`` once when others must take it for dead.

    That is when its row is gone, or when by this machine's monotonic clock no heartbeat has got
    through for ``timeout`` seconds: the process was stopped, or cut off from the database.
    """

    def __init__(
        self,
        worker: int,
        *,
        interval: float,
        timeout: float,
        conduct: Conduct,
        beat: Callable[[], None],
        lost: Callable[[str], None],
        using: str,
    ) -> None:
        """``conduct`` hears the orders that a heartbeat brings back; ``beat`` is called after each,
        in this thread and on its connection.
        """
        super().__init__(name="job-heart", daemon=True)
        self._worker, self._using = worker, using
        self._interval, self._timeout = interval, timeout
        self._conduct, self._beat, self._lost = conduct, beat, lost
        self._stopping = threading.Event()
        self._summoned = threading.Event()
        self._renewed = time.monotonic()

    @property
    def is_late(self) -> bool:
        """Return whether others may have taken the worker for dead by now."""
        return time.monotonic() - self._renewed > self._timeout

    def run(self) -> None:
        """Beat until stopped or lost."""
        pauses = Pauses()
        while not self._stopping.is_set():
            began = time.monotonic()
            if self.is_late:
                self._give_up(f"no heartbeat got through for {began - self._renewed:.1f} seconds")
                return
            try:
                obeys = self._conduct.obeys
                orders = engine.heartbeat(
                    self._worker, rss=resident(), obeys=obeys, using=self._using
                )
                if orders is None:
                    if self._stopping.is_set():
                        break  # the worker has left by itself, while this was asked
                    self._give_up("its row is gone: it was taken for dead")
                    return
                self._renewed = began
                self._conduct.hear(orders)
                self._beat()
                pauses.reset()
                # What is obeyed from now on is told at once.
                pause = self._interval if self._conduct.obeys == obeys else 0.0
            except Error as error:
                pause = min(pauses.next(), self._interval)
                logger.warning("heartbeat.failed error=%s retry_in=%.1f", error, pause)
                connections.close_all()
            self._summoned.wait(pause)
            self._summoned.clear()
        connections.close_all()

    def summon(self) -> None:
        """Beat now: jobs of this worker were taken away, or its orders have changed."""
        self._summoned.set()

    def stop(self) -> None:
        """Stop beating."""
        self._stopping.set()
        self._summoned.set()

    def _give_up(self, reason: str) -> None:
        connections.close_all()
        self._lost(reason)
