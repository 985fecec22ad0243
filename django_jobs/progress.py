"""The live line that runjobs keeps on a terminal."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TextIO

from django.db import connections
from django.db.utils import InterfaceError, OperationalError

from django_jobs import stats
from django_jobs.states import State
from django_jobs.worker.gauges import Gauges

#: Seconds between two versions of the line, and between two looks into the database for it.
REFRESH, LOOK = 0.25, 1.0
#: Waiting jobs are counted up to here.
MOST = 100_000


class LiveLine:
    """One line, written again and again: rate, running, waiting, failed."""

    def __init__(self, stream: TextIO, queues: Sequence[str], using: str) -> None:
        self._stream, self._queues, self._using = stream, queues, using
        self._drawn = self._looked = 0.0
        self._waiting = "…"
        self._history: list[tuple[float, int]] = []

    def show(self, gauges: Sequence[Gauges]) -> None:
        """Write the line anew if it is time."""
        now = time.monotonic()
        if now - self._drawn < REFRESH:
            return
        self._drawn = now
        if now - self._looked >= LOOK:
            self._looked = now
            self._look()
        processed = sum(one.processed for one in gauges)
        self._write(
            f"{self._rate(now, processed):>8,.0f} jobs/s   "
            f"{sum(one.running for one in gauges):,} running   "
            f"{self._waiting} waiting   "
            f"{sum(one.failed for one in gauges):,} failed   "
            f"{processed:,} done"
        )

    def clear(self) -> None:
        """Leave the terminal as it was."""
        self._write("")

    def _write(self, text: str) -> None:
        self._stream.write(f"\r\x1b[2K{text}")
        self._stream.flush()

    def _rate(self, now: float, processed: int) -> float:
        self._history = [*self._history[-8:], (now, processed)]
        then, before = self._history[0]
        return (processed - before) / (now - then) if now > then else 0.0

    def _look(self) -> None:
        try:
            waiting = stats.count(
                State.READY, queues=self._queues, limit=MOST + 1, using=self._using
            )
        except (OperationalError, InterfaceError):  # an outage; the line goes on without it
            self._waiting = "?"
            connections[self._using].close()
        else:
            self._waiting = f"{waiting:,}" if waiting <= MOST else f"over {MOST:,}"
