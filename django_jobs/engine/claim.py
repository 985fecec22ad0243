"""claim: ready → running."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Sequence

from django.db import OperationalError
from psycopg.errors import LockNotAvailable

from django_jobs.engine.counting import Counts, counted, counting
from django_jobs.engine.heads import Head, peek
from django_jobs.engine.lanes import move_into_lanes
from django_jobs.engine.levels import (
    Level,
    closed,
    locked_levels,
    locking_levels,
    rates_of,
    writing,
)
from django_jobs.engine.permits import locking, locks
from django_jobs.engine.taking import compile_taking, met, taking, taking_one
from django_jobs.engine.trips import Statement, Trips
from django_jobs.engine.turns import Permits, Plan, Take, plan
from django_jobs.limits import UNLIMITED, Allowance, Room
from django_jobs.outcomes import Claimed
from django_jobs.rates import Rate
from django_jobs.registry import current, limit_of

#: Looks at the heads in one claim, at most: what is left then waits for the next one.
LOOKS = 20


def claim(
    worker: int,
    queues: Sequence[str],
    limit: int,
    *,
    starting: bool,
    allowance: Allowance | None = None,
    using: str,
) -> list[Claimed]:
    """Move up to ``limit`` jobs from ready to running, owned by ``worker``, first ones first.

    ``queues`` empty means every queue. ``starting`` says that all of them start at once; else they
    are prefetched: ``started_at`` stays empty, and should the worker die they are not charged.
    ``allowance`` says what has limits; what has no room there is passed over.
    """
    return Claim(worker, queues, limit, starting=starting, allowance=allowance, using=using).make()


class Claim:
    """One claim under way: what it has, and what it may still take."""

    def __init__(
        self,
        worker: int,
        queues: Sequence[str],
        limit: int,
        *,
        starting: bool,
        allowance: Allowance | None = None,
        using: str,
    ) -> None:
        """See claim()."""
        allowance = allowance or Allowance()
        rooms = {"": Room(limit, limit if starting else 0), **allowance.rooms}
        self._worker, self._queues, self._using = worker, queues, using
        self._allowance = allowance._replace(rooms=rooms)
        self._trips = Trips(using)
        self._left = limit
        self._rooms = {kind: room.limit for kind, room in rooms.items()}
        #: The rates of the heads it has met, by where they wait.
        self._known_rates: dict[tuple[str, str, str], dict[str, Rate]] = {}
        #: Lanes that nothing can be claimed from any more, this time.
        self._shut: set[tuple[str, str, str]] = set()
        #: What the last look has claimed, by where it waited, and whether it left any behind.
        self._found: dict[tuple[str, str, str], list[Claimed]] = {}
        self._left_behind = False
        self.claimed: list[Claimed] = []
        #: Seconds until a rate that keeps jobs waiting lets the next one start; None for never.
        self.again_in: float | None = None

    def make(self) -> list[Claimed]:
        """Look at the heads, and again while that may find more; return what was claimed.

        Each job is in it once. One that was taken from us between two looks, by a rescue or a
        cancellation with a retry, may be met again: only its last claim holds.
        """
        looks = 1
        while self._look() and self._left > 0 and looks < LOOKS:
            looks += 1
        if looks > 1:
            last = {job.id: job for job in self.claimed}
            self.claimed = [job for job in self.claimed if last[job.id] is job]
        return self.claimed

    def _look(self) -> bool:
        """Claim what fits, and return whether another look may find more."""
        heads, counts = self._peek()
        if misplaced := next((head for head in heads if self._is_misplaced(head)), None):
            limits = self._allowance.limits
            if not move_into_lanes(misplaced[:3], limits, using=self._using):
                self._shut.add(misplaced[:3])  # others are at it
            return True
        wanted = self._plan(heads, counts, None)
        if not wanted.takes:
            return False
        if not any(self._is_bound(take.head) for take in wanted.takes):
            return self._take(wanted)
        try:
            return self._take_bound(wanted)
        except OperationalError as error:
            if not isinstance(error.__cause__, LockNotAvailable):
                raise
            # Others have held the locks for longer than it is worth to wait.
            self._shut.update(head[:3] for head in heads if self._is_bound(head))
            return True

    # Looking ------------------------------------------------------------------------------------

    def _peek(self) -> tuple[list[Head], Counts]:
        asked = {"heads": peek(self._queues, self._allowance)}
        asked |= counting(self._worker, self._allowance)
        if self._allowance.has_rates:
            asked["closed"] = closed()
        answers = dict(zip(asked, self._trips.send(*asked.values()), strict=True))
        heads = [Head._make(row) for row in answers["heads"]]
        heads = [head for head in heads if head[:3] not in self._shut and self._is_known(head)]
        if self._allowance.has_rates:
            heads = self._open(heads, *answers["closed"][0])
        return heads, counted(answers)

    def _is_known(self, head: Head) -> bool:
        # What a module says when it is imported only now holds from the next claim on.
        return (
            not head.lane
            or self._is_former(head.lane)
            or head.lane in self._allowance.limits
            or limit_of(head.name) is None
        )

    def _open(self, heads: list[Head], now: float, closed: str) -> list[Head]:
        """Return the heads that no rate keeps waiting, and remember when the first other may."""
        opens: dict[str, float] = json.loads(closed)
        able = []
        for head in heads:
            at = max((opens.get(name, 0.0) for name in self._rates(head)), default=0.0)
            if at <= now:
                able.append(head)
            else:
                left = at - now
                self.again_in = left if self.again_in is None else min(left, self.again_in)
        return able

    def _is_former(self, lane: str) -> bool:
        """Tell whether a limited function has another lane now: it was renamed."""
        return current(lane) != lane and current(lane) in self._allowance.limits

    def _is_misplaced(self, head: Head) -> bool:
        """Tell whether it waits where it does not belong: in no lane, or in a former one."""
        if head.lane:
            return self._is_former(head.lane)
        counts_units = self._allowance.budget is not None
        return current(head.name) in self._allowance.limits or (counts_units and head.units > 1)

    def _is_bound(self, head: Head) -> bool:
        """Tell whether what may be taken of it has to be counted behind a lock."""
        return bool(locks([head], self._allowance) or self._rates(head))

    def _plan(
        self,
        heads: Sequence[Head],
        counts: Counts,
        levels: dict[str, Level] | None,
        now: float = 0.0,
    ) -> Plan:
        def permits_of(name: str, rate: Rate) -> int:
            if levels is None:
                return UNLIMITED  # nobody knows before its level is locked
            return rate.permits(rate.level(*levels[name], now))

        permits = Permits(self._allowance, counts, self._rates, permits_of, self._rooms, self._left)
        return plan(heads, permits, self._allowance, counts)

    # Taking -------------------------------------------------------------------------------------

    def _take(self, wanted: Plan) -> bool:
        if len(wanted.takes) == 1 and not self._allowance.limits:
            (one,) = wanted.takes
            starting = self._starts(one)
            (rows,) = self._trips.send(
                taking_one(self._worker, one, starting=starting, using=self._using)
            )
            jobs = sorted((Claimed(*row) for row in rows), key=lambda job: (-job.priority, job.id))
            self._own(one.head, jobs)
            return bool(jobs) and len(jobs) < one.most and one.floor is not None
        self._read(self._trips.send(*self._statements(wanted)), wanted)
        return self._may_find_more(wanted)

    def _take_bound(self, tentative: Plan) -> bool:
        """Lock what bounds the heads, count again, take, and count the starts against rates."""
        compile_taking(self._using)  # which the ORM will not do once the transaction is open
        heads = [take.head for take in tentative.takes]
        rates = {name: rate for head in heads for name, rate in self._rates(head).items()}
        asked = counting(self._worker, self._allowance)
        with self._trips.transaction() as transaction:
            answers = transaction.send(
                locking(locks(heads, self._allowance)),
                *(locking_levels(rates) if rates else ()),
                *asked.values(),
            )
            counts = counted(dict(zip(asked, answers[len(answers) - len(asked) :], strict=True)))
            levels, now = locked_levels(answers[len(answers) - len(asked) - 1] if rates else ())
            wanted = self._plan(heads, counts, levels if rates else None, now)
            if not wanted.takes:  # others were faster
                self._shut.update(head[:3] for head in heads)
                return True
            if not rates:
                self._read(transaction.close(*self._statements(wanted)), wanted)
            else:
                self._read(transaction.send(*self._statements(wanted)), wanted)
                used = self._used()
                transaction.close(*([writing(used, rates, levels, now)] if used else []))
        return self._may_find_more(tentative)

    def _statements(self, wanted: Plan) -> list[Statement]:
        kinds = {self._starts(take) for take in wanted.takes}
        return [
            taking(
                self._worker,
                [take for take in wanted.takes if self._starts(take) is starting],
                self._allowance,
                starting=starting,
                using=self._using,
            )
            for starting in sorted(kinds)
        ]

    def _read(self, answers: list[list[tuple[object, ...]]], wanted: Plan) -> None:
        """Take in what was claimed, and remember where nothing was."""
        self._found = {take.head[:3]: [] for take in wanted.takes}
        met_in_all = 0
        for rows in answers:
            found, count = met(rows)
            met_in_all += count
            for one in found:
                self._found[one[1:]].append(one.job)
        for take in wanted.takes:
            self._own(take.head, self._found[take.head[:3]])
        self._shut.update(place for place, jobs in self._found.items() if not jobs)
        # Some that it met have to be put in their lanes first, or are larger than the first.
        self._left_behind = met_in_all > sum(map(len, self._found.values()))

    def _may_find_more(self, wanted: Plan) -> bool:
        """Return whether others have jobs for the places that were left empty."""
        took = sum(map(len, self._found.values()))
        if not took:
            return self._left_behind or wanted.is_shared
        if took >= sum(take.most for take in wanted.takes):
            return wanted.is_shared
        is_cut = any(take.floor is not None for take in wanted.takes)
        return self._left_behind or is_cut or wanted.is_shared

    def _own(self, head: Head, jobs: list[Claimed]) -> None:
        now = time.monotonic()
        line = f"{head.lane} {head.key}" if self._allowance.limit(head.lane).lines_up else ""
        if line:
            jobs = [job._replace(line=line) for job in jobs]
        self.claimed += [
            job if job.expires is None else job._replace(expires=now + job.expires) for job in jobs
        ]
        self._left -= len(jobs)
        self._rooms[self._allowance.limit(head.lane).places] -= len(jobs)

    def _starts(self, take: Take) -> bool:
        limit = self._allowance.limit(take.head.lane)
        waits_in_line = limit.lines_up and take.most > 1
        return self._allowance.rooms[limit.places].starting and not waits_in_line

    def _used(self) -> dict[str, int]:
        """Return how many of what was taken count against each rate."""
        used = Counter[str]()
        for (queue, lane, key), jobs in self._found.items():
            if jobs:
                head = Head(queue, lane, key, 0, 0, "", 0)
                used.update(dict.fromkeys(self._rates(head), len(jobs)))
        return used

    def _rates(self, head: Head) -> dict[str, Rate]:
        place = head[:3]
        if place not in self._known_rates:  # several steps ask for them, of every head
            self._known_rates[place] = rates_of(head, self._allowance)
        return self._known_rates[place]
