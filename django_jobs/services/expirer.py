"""Cancels jobs that nobody wants any more."""

from __future__ import annotations

import logging

from django_jobs import engine
from django_jobs.services.base import Service

logger = logging.getLogger("django_jobs")


class Expirer(Service):
    """Expires what waits; what runs has begun in time."""

    def __init__(self, interval: float, using: str, *, retention: float) -> None:
        """``retention`` is how many seconds to keep what is cancelled."""
        super().__init__(interval, using)
        self._retention = retention

    def run_once(self) -> int:
        """Cancel what has expired, and return how many jobs that were."""
        expired = engine.expire(retention=self._retention, using=self.using)
        if expired:
            logger.info("jobs.expired count=%s", expired)
        return expired
