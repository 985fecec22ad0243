"""Makes scheduled jobs ready when they are due."""

from __future__ import annotations

from collections.abc import Callable

from django_jobs import engine
from django_jobs.services.base import Service


class Promoter(Service):
    """Promotes due jobs, and wakes this worker; the others are notified."""

    def __init__(self, interval: float, using: str, wake: Callable[[], None]) -> None:
        super().__init__(interval, using)
        self._wake = wake

    def run_once(self) -> int:
        """Promote what is due, and return how many jobs that were."""
        promoted = engine.promote(using=self.using)
        if promoted:
            self._wake()
        return promoted
