"""Jobs past their timeout that nobody can stop: threads, and coroutines that never wait."""

from __future__ import annotations

import time

from django_jobs.outcomes import Claimed, Finished
from django_jobs.worker.workshop import Workshop

#: Seconds between two looks for them.
LOOK = 0.5


class Overdue:
    """Knows which they are. Their worker has to be replaced, or their places are lost for ever."""

    def __init__(self, workshop: Workshop) -> None:
        self._workshop = workshop
        self._looked_at = 0.0
        self._jobs: list[Claimed] = []

    def reason(self) -> str:
        """Return why the worker should be replaced, or nothing; look now and then."""
        now = time.monotonic()
        if now - self._looked_at >= LOOK:
            self._looked_at = now
            self._jobs = self._workshop.overdue()
        if not self._jobs:
            return ""
        late = ", ".join(f"{job.name} #{job.id}" for job in self._jobs)
        return f"past its timeout, and not to be stopped: {late}"

    @property
    def is_all_that_is_left(self) -> bool:
        """Return whether no other job is owned."""
        return self._workshop.owned.keys() <= {job.id for job in self._jobs}

    def condemned(self) -> list[Finished]:
        """Return the end of those that are still owned: their attempts have failed."""
        owned = self._workshop.owned
        return self._workshop.condemn(job for job in self._jobs if owned.get(job.id) == job)
