"""Raises the priorities of jobs that wait for long."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from django_jobs import engine
from django_jobs.services.base import Service

logger = logging.getLogger("django_jobs")


class Ager(Service):
    """Ages what is ready, as the settings say."""

    def __init__(self, interval: float, using: str, ageing: Mapping[str, float]) -> None:
        super().__init__(interval, using)
        self._ageing = ageing

    def run_once(self) -> int:
        """Raise what has waited long enough, and return how many jobs that were."""
        raised = engine.age(
            after=self._ageing["after"],
            by=int(self._ageing["by"]),
            up_to=int(self._ageing["up_to"]),
            using=self.using,
        )
        if raised:
            logger.info("jobs.aged count=%s", raised)
        return raised
