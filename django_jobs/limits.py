"""What bounds how many jobs run at one time, and what a worker may take of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

#: What the jobs that run on one host may take together, where nobody says.
DEFAULT_UNITS = 10_000
#: More than anybody runs: stands for "no limit" where numbers are compared.
UNLIMITED = 2**31


class Limit(NamedTuple):
    """What holds for the jobs of one lane."""

    #: Jobs that run at one time, everywhere and on one host.
    max_running: int | None = None
    max_running_per_host: int | None = None
    #: What each takes of its host's budget.
    units: int = 1
    #: The executor that has places of its own for them; empty for ordinary places.
    places: str = ""

    @property
    def counts(self) -> bool:
        """Return whether the running jobs of the lane have to be counted."""
        return self.max_running is not None or self.max_running_per_host is not None


class Taken(NamedTuple):
    """What running jobs hold."""

    #: Jobs of one lane that run, everywhere and on one host.
    running: int = 0
    here: int = 0
    #: What the jobs that run on the host take of its budget.
    units: int = 0


class Room(NamedTuple):
    """How many jobs may be claimed for places of one kind."""

    limit: int
    #: Whether so many start at once.
    starting: bool


class Allowance(NamedTuple):
    """What a claim has to keep to."""

    #: By lane. The lane of a limited function is named after it.
    limits: Mapping[str, Limit] = {}
    #: Whose budget and whose limits per host.
    host: str = ""
    #: Units that the host has; None where nobody counts them.
    budget: int | None = None
    #: By the kind of places; empty for ordinary ones.
    rooms: Mapping[str, Room] = {}

    @property
    def counted(self) -> list[str]:
        """Return the lanes whose running jobs have to be counted."""
        return [lane for lane, limit in self.limits.items() if limit.counts]

    def permits(self, lane: str, units: int, taken: Taken) -> int:
        """Return how many more jobs of a lane may run here, of so many units each."""
        limit = self.limits.get(lane, Limit())
        left = UNLIMITED
        if limit.max_running is not None:
            left = min(left, limit.max_running - taken.running)
        if limit.max_running_per_host is not None:
            left = min(left, limit.max_running_per_host - taken.here)
        if self.budget is not None and units:
            left = min(left, (self.budget - taken.units) // units)
        return max(0, left)
