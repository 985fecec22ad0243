"""What a step counts, worked out anew from its rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from django_jobs.states import StepState


class Bad(NamedTuple):
    """A job that has failed, or was cancelled."""

    id: int
    step: int
    #: The job that is to blame for its end.
    ended_by: int | None


@dataclass
class Tally:
    """A step, as it will be."""

    id: int
    kind: str
    size: int
    before: list[int] = field(default_factory=list)
    jobs_left: int = 0
    jobs_failed: int = 0
    waits_left: int = 0
    #: Its jobs that may run, or run.
    released: int = 0
    #: Whether it comes after a failure that stays.
    is_stopped: bool = False
    state: StepState = StepState.WAITING

    def has_ended(self, *, stops: bool) -> bool:
        """Return whether it is over, as settle would say."""
        failed = self.is_stopped or self.jobs_failed > 0
        return self.jobs_left == 0 and (self.waits_left == 0 or (stops and failed))

    def lets_on(self, *, stops: bool) -> bool:
        """Return whether the steps after it need not wait for it."""
        return (
            self.jobs_left == 0
            and self.waits_left == 0
            and not (stops and (self.jobs_failed > 0 or self.is_stopped))
        )
