"""Deletes finished jobs past their retention."""

from __future__ import annotations

import logging

from django_jobs import engine
from django_jobs.services.base import Service

logger = logging.getLogger("django_jobs")


class Pruner(Service):
    """Prunes in small batches."""

    def run_once(self) -> int:
        """Delete what is past its retention, and return how many jobs that were."""
        pruned = engine.prune(using=self.using)
        engine.forget_levels(using=self.using)
        engine.roll_up(using=self.using)
        if pruned:
            logger.info("jobs.pruned count=%s", pruned)
        return pruned
