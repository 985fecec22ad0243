"""What bounds how many jobs run, or start, and what a worker may take of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from django_jobs.rates import Rate

#: What the jobs that run on one host may take together, where nobody says.
DEFAULT_UNITS = 10_000
#: More than anybody runs: stands for "no limit" where numbers are compared.
UNLIMITED = 2**31


class Limit(NamedTuple):
    """What holds for the jobs of one lane: of one job function."""

    #: Jobs that run at one time, everywhere and on one host.
    max_running: int | None = None
    max_running_per_host: int | None = None
    #: What each takes of its host's budget.
    units: int = 1
    #: The executor that has places of its own for them; empty for ordinary places.
    places: str = ""
    #: Jobs that run at one time of those that share a concurrency key.
    max_running_per_key: int | None = None
    #: Whether its jobs have concurrency keys, whose turns are fair.
    is_keyed: bool = False
    #: Whether a job waits until the one before it, of the same key, has ended for good.
    is_ordered: bool = False
    #: Whether several jobs of one key may be claimed at once, to run one after the other.
    lines_up: bool = False
    #: Starts in a time, of all its jobs and of those of one key.
    rate: Rate | None = None
    rate_per_key: Rate | None = None

    @property
    def counts(self) -> bool:
        """Return whether the running jobs of the lane have to be counted."""
        return (
            self.max_running is not None
            or self.max_running_per_host is not None
            or self.per_key is not None
        )

    @property
    def per_key(self) -> int | None:
        """Return how many jobs of one key may run at one time."""
        return 1 if self.is_ordered else self.max_running_per_key


class QueuePolicy(NamedTuple):
    """What holds for the jobs of one queue."""

    #: Places of one worker that its jobs may take.
    concurrency: int | None = None
    #: Jobs that run at one time, everywhere.
    max_running: int | None = None
    rate: Rate | None = None
    #: Its share, where queues are served by their weights.
    weight: int = 1
    #: Only workers that carry one of these serve it; empty for all.
    tags: tuple[str, ...] = ()


class Room(NamedTuple):
    """How many jobs may be claimed for places of one kind."""

    limit: int
    #: Places that are free: so many start at once.
    free: int
    #: Jobs that may be claimed for one place, where they run one after the other.
    line: int = 1

    @property
    def starting(self) -> bool:
        """Return whether all that may be claimed starts at once."""
        return self.limit <= self.free


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
    #: By queue, where anything holds for it.
    queues: Mapping[str, QueuePolicy] = {}
    #: Queues that this worker does not serve.
    barred: frozenset[str] = frozenset()
    #: The order in which queues are served, first ones first; None for the order of priorities.
    order: tuple[str, ...] | None = None
    #: Whether queues share the places by their weights.
    weighted: bool = False

    def limit(self, lane: str) -> Limit:
        """Return the limit of a lane."""
        return self.limits.get(lane) or _NONE

    def policy(self, queue: str) -> QueuePolicy:
        """Return the policy of a queue."""
        return self.queues.get(queue) or _OPEN

    @property
    def has_rates(self) -> bool:
        """Return whether starts are counted."""
        return any(one.rate for one in self.queues.values()) or any(
            one.rate or one.rate_per_key for one in self.limits.values()
        )

    @property
    def has_turns(self) -> bool:
        """Return whether it matters what runs of which lane and key."""
        return any(one.counts or one.is_keyed for one in self.limits.values())


_NONE, _OPEN = Limit(), QueuePolicy()
