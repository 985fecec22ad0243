"""What a worker knows of the queues: told by their rows, and looked up again and again."""

from __future__ import annotations

import logging
import platform
import socket
import sys
import time

from django_jobs import engine
from django_jobs.conf import Options
from django_jobs.exceptions import InvalidOption
from django_jobs.limits import QueuePolicy
from django_jobs.orders import WorkerOptions
from django_jobs.queueing import carries, policy_of

logger = logging.getLogger("django_jobs")


def own_tags() -> tuple[str, ...]:
    """Return the tags that every worker carries: what its machine is."""
    return (
        f"hostname={socket.gethostname()}",
        f"python={sys.version_info.major}.{sys.version_info.minor}",
        f"os={platform.system().lower()}",
        f"arch={platform.machine()}",
    )


class Signposts:
    """Which queues this worker serves, in which order, and what holds for each.

    A change of a row holds from the next look on, without a restart.
    """

    def __init__(self, given: WorkerOptions, settings: Options) -> None:
        self._given, self._settings = given, settings
        self._tags = (*own_tags(), *given.tags)
        self._looked_at = float("-inf")
        self.order = given.queue_order or settings.queue_order
        #: Where anything holds for a queue.
        self.policies: dict[str, QueuePolicy] = {}
        #: Queues that want a tag which this worker does not carry.
        self.barred: frozenset[str] = frozenset()

    def refresh(self) -> None:
        """Look at the rows, unless that was just done."""
        now = time.monotonic()
        if now - self._looked_at < self._settings.poll_interval:
            return
        policies = dict(self._settings.queues)
        for row in engine.queue_rows(using=self._given.using):
            declared = policies.get(row.name, QueuePolicy())
            try:
                policies[row.name] = policy_of(row, declared)
            except InvalidOption as error:  # written past the admin
                logger.error("queue.ignored queue=%s error=%s", row.name, error)
        self._looked_at = now
        self.barred = frozenset(
            name for name, policy in policies.items() if not carries(self._tags, policy.tags)
        )
        self.policies = {
            name: policy for name, policy in policies.items() if policy != QueuePolicy()
        }

    @property
    def sequence(self) -> tuple[str, ...] | None:
        """Return the queues in the order to serve them; None where their order says nothing."""
        if self.order != "strict":
            return None
        return self._given.queues or tuple(self._settings.queues)
