"""Takes back the jobs of workers that have died."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

from django_jobs import engine
from django_jobs.chronicle import Chronicle
from django_jobs.services.base import Service

logger = logging.getLogger("django_jobs")


class Rescuer(Service):
    """Rescues jobs whose worker gave no sign of life for ``timeout`` seconds."""

    def __init__(
        self,
        interval: float,
        using: str,
        *,
        timeout: float,
        retention: Mapping[str, float],
        wake: Callable[[], None],
        chronicle: Chronicle | None = None,
    ) -> None:
        super().__init__(interval, using)
        self._timeout = timeout
        self._retention = retention
        self._wake = wake
        self._chronicle = Chronicle() if chronicle is None else chronicle

    def run_once(self) -> int:
        """Rescue what dead workers have left, and return how many jobs that were."""
        rescued = engine.rescue_dead(
            timeout=self._timeout, retention=self._retention, using=self.using
        )
        for job in rescued:
            logger.warning("job.rescued id=%s queue=%s state=%s", *job)
            self._chronicle.count_rescued(job.queue, job.state)
        if rescued:
            self._wake()
        return len(rescued)
