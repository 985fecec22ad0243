"""Tells of the ends of jobs that others wait for, where nobody has done so at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from django_jobs import engine
from django_jobs.services.base import Service


class Settler(Service):
    """Settles what was cancelled, rescued or finished by somebody who could not do it."""

    def __init__(
        self,
        interval: float,
        using: str,
        *,
        retention: Mapping[str, float],
        wake: Callable[[], None],
    ) -> None:
        super().__init__(interval, using)
        self._retention = retention
        self._wake = wake

    def run_once(self) -> int:
        """Settle what is unsettled, and return how many jobs that were."""
        settled = engine.settle(retention=self._retention, using=self.using)
        if settled:
            self._wake()
        return settled
