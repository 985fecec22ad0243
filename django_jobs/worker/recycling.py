"""When a worker process is worn out and should be replaced by a fresh one."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from django_jobs.conf import Options
from django_jobs.memory import resident
from django_jobs.worker.gauges import Gauges

#: Seconds between two looks at the memory: a file is read, and the worker's loop is fast.
LOOK = 1.0
#: The share of its age that a worker may give up, so that a fleet does not restart in step.
SPREAD = 0.1


class Wear:
    """Says whether one worker has run, lived or grown as much as the settings allow."""

    def __init__(
        self,
        settings: Options,
        gauges: Gauges,
        *,
        clock: Callable[[], float] = time.monotonic,
        memory: Callable[[], int | None] = resident,
    ) -> None:
        """``gauges`` may have counted for workers before this one; what they did is not its own."""
        self._max_jobs = settings.worker_max_jobs
        self._max_memory = settings.worker_max_memory
        self._max_age = float("inf")
        if settings.worker_max_age is not None:
            self._max_age = settings.worker_max_age * random.uniform(1 - SPREAD, 1)
        self._gauges, self._inherited = gauges, gauges.processed
        self._clock, self._memory = clock, memory
        self._born = clock()
        self._look_at = self._born

    def reason(self) -> str:
        """Return why the worker should be replaced, or nothing."""
        runs = self._gauges.processed - self._inherited
        if self._max_jobs is not None and runs >= self._max_jobs:
            return f"it has run {runs:,} jobs"
        now = self._clock()
        if now - self._born >= self._max_age:
            return f"it is {now - self._born:,.1f} seconds old"
        # One that has run nothing holds what every fresh one holds: replacing it would gain
        # nothing, and never end.
        if self._max_memory is not None and runs and now >= self._look_at:
            self._look_at = now + LOOK
            held = self._memory()
            if held is not None and held >= self._max_memory:
                return f"it holds {held:,} bytes of memory"
        return ""
