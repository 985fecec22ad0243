"""Whose turn it is: how many jobs of each head one claim takes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from random import random
from typing import NamedTuple

from django_jobs.engine.counting import Counts
from django_jobs.engine.heads import Head
from django_jobs.limits import UNLIMITED, Allowance
from django_jobs.rates import Rate

#: Jobs without a key have, beside keys, the share of so many of these.
KEYLESS_SHARE = 10

#: Seconds of starts that are claimed ahead where a rate bounds them.
MOMENT = 0.1

#: The share of a host's budget that jobs may hold while they wait in a line.
SLACK = 0.01

Scope = tuple[str, ...]


class Take(NamedTuple):
    """What a claim takes of one head's lane and key."""

    head: Head
    most: int
    #: No job of lower priority; None for any.
    floor: int | None


class Permits:
    """What is left of everything that a head may be bound by, while turns are given."""

    def __init__(
        self,
        allowance: Allowance,
        counts: Counts,
        rates_of: Callable[[Head], Mapping[str, Rate]],
        permits: Callable[[str, Rate], int],
        rooms: Mapping[str, int],
        limit: int,
    ) -> None:
        """``rates_of`` says which rates hold for a head, by their names; ``permits`` how many may
        start by one of them; ``rooms`` how many places are left, by their kind.
        """
        self._allowance, self._counts = allowance, counts
        self._rates_of, self._permits = rates_of, permits
        self._rooms = rooms
        self.left = self._all = limit
        self._of: dict[Scope, int] = {}
        self._scopes: dict[Head, list[tuple[Scope, int]]] = {}

    def of(self, head: Head) -> int:
        """Return how many jobs of a head may still be taken."""
        scopes = self._scopes.get(head)
        if scopes is None:
            scopes = self._scopes[head] = self._bind(head)
        least = self.left
        for scope, size in scopes:  # most of the time of a plan goes by here
            least = min(least, self._of[scope] // size)
        return max(0, least)

    def take(self, head: Head, count: int) -> None:
        """Take permits for so many jobs of a head."""
        self.left -= count
        for scope, size in self._scopes[head]:
            self._of[scope] -= count * size

    def _bind(self, head: Head) -> list[tuple[Scope, int]]:
        """Return what may keep jobs of a head from being taken, and what each takes of it."""
        allowance, limit = self._allowance, self._allowance.limit(head.lane)
        scopes = []
        for scope, left in self._limits(head):
            if left < self._all:  # else there is more of it than can be taken
                self._of.setdefault(scope, left)
                scopes.append((scope, 1))
        if allowance.budget is not None and head.units:
            self._of.setdefault(("units",), allowance.budget - self._counts.units)
            scopes.append((("units",), head.units))
        for name, rate in self._rates_of(head).items():
            bound = self._bind_rate(name, rate, limit.places)
            scopes += [(scope, 1) for scope in bound if self._of[scope] < self._all]
        return scopes

    def _bind_rate(self, name: str, rate: Rate, places: str) -> Iterable[Scope]:
        if ("rate", name) not in self._of:
            self._of["rate", name] = self._permits(name, rate)
        yield "rate", name
        # Starts are counted by the claim. So no more is claimed ahead than would start in a moment.
        room, ahead = self._allowance.rooms.get(places), int(rate.limit / rate.per * MOMENT)
        free = UNLIMITED if room is None else room.free
        scope = ("ahead", name) if ahead > free else ("free", places)
        self._of.setdefault(scope, max(ahead, free))
        yield scope

    def _line(self, head: Head) -> int:
        """Return how many jobs of a key are claimed, of which one runs at a time.

        One, where those that wait in line would hold permits that others could use.
        """
        allowance, limit = self._allowance, self._allowance.limit(head.lane)
        room, policy = allowance.rooms.get(limit.places), allowance.policy(head.queue)
        if room is None or not limit.lines_up or policy.max_running or policy.concurrency:
            return 1
        if allowance.budget is not None and head.units * room.line > allowance.budget * SLACK:
            return 1
        return 1 if self._rates_of(head) else room.line

    def _limits(self, head: Head) -> Iterable[tuple[Scope, int]]:
        limit, policy = self._allowance.limit(head.lane), self._allowance.policy(head.queue)
        counts, lane, key = self._counts, head.lane, (head.lane, head.key)
        yield ("places", limit.places), self._rooms.get(limit.places, 0)
        if limit.max_running is not None:
            yield ("lane", lane), limit.max_running - counts.lanes[lane]
        if limit.max_running_per_host is not None:
            yield ("here", lane), limit.max_running_per_host - counts.here[lane]
        if limit.per_key is not None:
            left = 0 if key in counts.held else limit.per_key - counts.keys[key]
            yield ("key", *key), self._line(head) if left == 1 else left
        if policy.max_running is not None:
            yield ("queue", head.queue), policy.max_running - counts.queues[head.queue]
        if policy.concurrency is not None:
            yield ("mine", head.queue), policy.concurrency - counts.mine[head.queue]


@dataclass
class Plan:
    """What a claim takes, and whether another one might find more."""

    takes: list[Take]
    #: Whether some head has less than it may have, since nothing is left for it.
    is_shared: bool = False


def plan(heads: Sequence[Head], permits: Permits, allowance: Allowance, counts: Counts) -> Plan:
    """Give turns to heads until nothing is left, or all have what they may.

    Higher priorities first. Of equal ones keys take turns, those first of which least is running,
    then those whose first job is the oldest; jobs without a key have a share of their own. Where
    queues have an order, or weights, that comes before priorities.
    """
    able = [head for head in heads if permits.of(head)]
    if not allowance.weighted:
        return _plan(able, permits, permits.left, _ranks(able, allowance), allowance, counts)
    takes: list[Take] = []
    for queue, share in _shares(able, permits.left, allowance):
        theirs = [head for head in able if head.queue == queue]
        takes += _plan(theirs, permits, share, {}, allowance, counts).takes
    return Plan(takes, is_shared=True)


def _ranks(heads: Sequence[Head], allowance: Allowance) -> dict[str, int]:
    order = allowance.order
    if order is None:
        return {}
    # What the order does not name comes after all that it names.
    names = [*order, *sorted({head.queue for head in heads} - set(order))]
    return {queue: rank for rank, queue in enumerate(names)}


def _shares(heads: Sequence[Head], limit: int, allowance: Allowance) -> list[tuple[str, int]]:
    """Divide places among queues by their weights; what does not go up falls by lot."""
    weights = {head.queue: allowance.policy(head.queue).weight for head in heads}
    total, shares = sum(weights.values()), []
    # The one that draws first gets what is left over; in the long run each gets its share of that.
    for queue in sorted(weights, key=lambda name: random() ** (1 / weights[name]), reverse=True):
        share = -(-limit * weights[queue] // total) if total else 0
        shares.append((queue, share))
    return shares


def _plan(
    heads: Sequence[Head],
    permits: Permits,
    limit: int,
    ranks: Mapping[str, int],
    allowance: Allowance,
    counts: Counts,
) -> Plan:
    def tier(head: Head) -> tuple[int, int]:
        return ranks.get(head.queue, 0), -head.priority

    def share_of(head: Head) -> int:
        is_keyed = head.key or allowance.limit(head.lane).is_keyed
        return 1 if is_keyed else KEYLESS_SHARE

    def running(head: Head) -> float:
        return counts.keys[head.lane, head.key] if share_of(head) == 1 else 0.0

    waiting = [(*tier(head), running(head), head.id, head) for head in heads]
    heapify(waiting)
    shares = _sum((tier(head), share_of(head)) for head in heads)
    given: dict[Head, int] = {}
    while waiting and limit > 0:
        rank, priority, turn, first, head = heappop(waiting)
        share = share_of(head)
        able = min(permits.of(head), limit)
        if not able:
            shares[tier(head)] -= share
            continue
        is_alone = shares[tier(head)] == share
        most = _portion(limit if share > 1 else able, share, shares[tier(head)])
        count = able if is_alone else min(able, most)
        permits.take(head, count)
        limit -= count
        given[head] = given.get(head, 0) + count
        heappush(waiting, (rank, priority, turn + count / share, first, head))
    floors = _floors(heads, ranks)
    takes = [Take(head, count, floors[head]) for head, count in given.items()]
    return Plan(takes, is_shared=len(heads) > 1 and (limit <= 0 or len(given) < len(heads)))


def _portion(left: int, share: int, shares: int) -> int:
    """Return how many jobs are given to a head at one turn: its share of all that is left.

    It comes to the same as one job at each, in fewer turns: no other has had less until now, so
    that in the end the share of none will be smaller than this.
    """
    return max(1, left * share // shares)


def _sum(shares: Iterable[tuple[tuple[int, int], int]]) -> Counter[tuple[int, int]]:
    total = Counter[tuple[int, int]]()
    for tier, share in shares:
        total[tier] += share
    return total


def _floors(heads: Sequence[Head], ranks: Mapping[str, int]) -> dict[Head, int | None]:
    """Return below which priority nothing is taken from a head: others have a job before it."""
    by_rank: dict[int, list[int]] = {}
    for head in heads:
        by_rank.setdefault(ranks.get(head.queue, 0), []).append(head.priority)
    floors = {}
    for rank, priorities in by_rank.items():
        below: int | None = None
        for priority in sorted(set(priorities)):
            floors[rank, priority] = below
            below = priority
    return {head: floors[ranks.get(head.queue, 0), head.priority] for head in heads}
