"""Makes jobs of schedules when their ticks come."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from django_jobs import api, engine
from django_jobs.services.base import Service

logger = logging.getLogger("django_jobs")

#: Seconds for which a schedule that cannot tick here is left to others.
LEAVE = 10.0


class Scheduler(Service):
    """Fires what is due, just when it is due: it is told how long it may sleep."""

    def __init__(self, interval: float, using: str, wake: Callable[[], None]) -> None:
        super().__init__(interval, using)
        self._wake = wake
        self._wait: float | None = None
        #: Whether others had in hand what was due.
        self.is_contended = False
        #: Until when each schedule is left alone, by our monotonic clock, and why.
        self._stuck: dict[int, tuple[float, str]] = {}

    def run_once(self) -> int:
        """Make jobs of what is due, and return how many."""
        now = time.monotonic()
        fired = engine.fire(
            using=self.using,
            without=[one for one, (until, _) in self._stuck.items() if until > now],
        )
        self._wait, self.is_contended = fired.wait, fired.is_contended
        self._tell(fired, now)
        for jobs in fired.jobs:
            api.tell_enqueued(jobs, self.using)
        if fired.jobs:
            self._wake()
        return fired.count

    def reschedule(self, now: float) -> None:
        """Be due again when the next tick comes, if that is before the next look."""
        super().reschedule(now)
        if self._wait is not None:
            self.due = min(self.due, now + max(0.0, self._wait))

    def _tell(self, fired: engine.Fired, now: float) -> None:
        for one in fired.skipped:
            logger.warning("schedule.skipped id=%s name=%s reason=%r", *one)
        for one in fired.stuck:
            if self._stuck.get(one.id, (0.0, ""))[1] != one.note:
                logger.error("schedule.stuck id=%s name=%s reason=%r", *one)
            self._stuck[one.id] = (now + LEAVE, one.note)
