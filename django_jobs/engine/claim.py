"""claim: ready → running."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import zip_longest
from typing import Any

from django.db import connections, transaction

from django_jobs.engine.heads import Head, peek
from django_jobs.engine.lanes import move_into_lanes
from django_jobs.engine.permits import Contended, locked, needs_lock
from django_jobs.engine.sql import among, fetch
from django_jobs.limits import Allowance, Room, Taken
from django_jobs.models import Job
from django_jobs.outcomes import Claimed
from django_jobs.registry import limit_of
from django_jobs.states import State

#: Looks at the heads in one claim, at most: what is left then waits for the next one.
LOOKS = 20

# Materialized, or the planner may run a subquery with LIMIT twice and claim too many. By an array,
# not by a join: see sql.among().
_CLAIM = """
WITH picked AS MATERIALIZED ({picked})
UPDATE {job} AS job
SET state = 'running', worker_id = %s, claims = job.claims + 1, attempts = job.attempts + 1,
    started_at = CASE WHEN %s THEN statement_timestamp() END, note = NULL
WHERE {among}{conditions}
RETURNING {met}job.id, job.claims, job.name, job.args::text, job.kwargs::text, job.attempts,
    job.max_attempts, extract(epoch FROM job.timeout)::float8, job.priority,
    job.memory_limit
"""

#: What else holds for the rows that are picked, and only then claimed. Not for those that are
#: picked: so that each statement looks at as many rows as it may claim, and at no more.
_UNLIMITED = " AND job.name <> ALL(%s::text[])"
_NO_LARGER = " AND job.units <= %s"
#: How many rows were met, where not all of them have to be claimed.
_MET = "(SELECT count(*) FROM picked), "


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
    ``allowance`` says which lanes have limits; what has no room there is passed over.
    """
    allowance = allowance or Allowance()
    rooms = {"": Room(limit, starting), **allowance.rooms}
    taking = _Taking(worker, queues, limit, allowance._replace(rooms=rooms), using)
    for _ in range(LOOKS):
        if not taking.look():
            break
    return taking.claimed


class _Taking:
    """One claim under way: what it has, and what it may still take."""

    def __init__(
        self, worker: int, queues: Sequence[str], limit: int, allowance: Allowance, using: str
    ) -> None:
        self._worker, self._queues, self._using = worker, queues, using
        self._allowance = allowance
        self._left = limit
        self._rooms = {kind: room.limit for kind, room in allowance.rooms.items()}
        #: Lanes that nothing can be claimed from any more, this time.
        self._shut: set[tuple[str, str]] = set()
        self.claimed: list[Claimed] = []

    def look(self) -> bool:
        """Claim from each head what fits, and return whether another look may find more."""
        before = len(self.claimed)
        self._left_behind = self._held_back = False
        heads = [h for h in peek(self._queues, self._allowance, self._using) if self._fits(h)]
        for head, following in zip_longest(heads, heads[1:]):
            if self._is_misplaced(head):
                self._put_in_place(head)
                return True
            if asked := self._asked(head):
                # Not below the first job of the next lane: priorities hold across all of them.
                self._claim_from(head, following.priority if following else None, asked)
            if self._left <= 0:
                return False
        return self._left_behind or (self._held_back and len(self.claimed) > before)

    def _fits(self, head: Head) -> bool:
        if (head.queue, head.lane) in self._shut or not self._asked(head):
            return False
        if head.lane and head.lane not in self._allowance.limits:
            # What a module says when it is imported only now holds from the next claim on.
            return limit_of(head.name) is None
        return self._is_misplaced(head) or self._permits(head, head.taken) > 0

    def _asked(self, head: Head) -> int:
        return min(self._left, self._rooms.get(self._places(head), 0))

    def _places(self, head: Head) -> str:
        limit = self._allowance.limits.get(head.lane)
        return limit.places if limit else ""

    def _permits(self, head: Head, taken: Taken) -> int:
        return self._allowance.permits(head.lane, head.units, taken)

    def _is_misplaced(self, head: Head) -> bool:
        """Tell whether it waits among the unlimited jobs and is none of them."""
        if head.lane:
            return False
        counts_units = self._allowance.budget is not None
        return head.name in self._allowance.limits or (counts_units and head.units > 1)

    def _put_in_place(self, head: Head) -> None:
        if not move_into_lanes(head.queue, self._allowance.limits, using=self._using):
            # Others are at it.
            self._shut.add((head.queue, head.lane))

    def _claim_from(self, head: Head, floor: int | None, asked: int) -> None:
        if not needs_lock(head.lane, self._allowance):
            self._take(head, floor, asked)
            return
        try:
            with locked(head.lane, self._allowance, using=self._using) as taken:
                if permitted := min(asked, self._permits(head, taken)):
                    self._take(head, floor, permitted)
        except Contended:
            self._shut.add((head.queue, head.lane))

    def _take(self, head: Head, floor: int | None, limit: int) -> None:
        limits, kind = self._allowance.limits, self._places(head)
        params: list[Any] = [head.queue, head.lane]
        params += [] if floor is None else [floor]
        params += [self._worker, self._allowance.rooms[kind].starting]
        if sifts := bool(limits) and not head.lane:
            params.append(list(limits))
        if weighs := self._allowance.budget is not None:
            params.append(head.units)
        sql = _statement(limit, floor is not None, sifts, weighs, self._using)
        rows = fetch(self._using, sql, params)
        met = len(rows)
        if rows and (sifts or weighs):
            met = rows[0][0]
            rows = [row[1:] for row in rows]
        # RETURNING promises no order.
        self.claimed += sorted(map(Claimed._make, rows), key=lambda job: (-job.priority, job.id))
        self._left -= len(rows)
        self._rooms[kind] -= len(rows)
        self._left_behind = self._left_behind or met > len(rows)
        self._held_back = self._held_back or (floor is not None and met < limit)


@lru_cache(maxsize=4096)
def _statement(limit: int, has_floor: bool, sifts: bool, weighs: bool, using: str) -> str:
    """Return the claim as SQL: the queryset below, compiled once for each size of batch."""
    picked = Job.objects.using(using).filter(state=State.READY).filter(queue="").filter(lane="")
    if has_floor:
        picked = picked.filter(priority__gte=0)
    picked = picked.order_by("-priority", "id").select_for_update(skip_locked=True, no_key=True)
    with transaction.atomic(using=using):  # the compiler wants one where rows are locked
        compiler = picked.values("id")[:limit].query.get_compiler(using=using)
        sql, _ = compiler.as_sql()
    # The state stands in the text, or no plan made before the values are known could choose the
    # partial index.
    sql = sql.replace("%s", f"'{State.READY}'", 1)
    return _CLAIM.format(
        picked=sql,
        among=among("picked"),
        conditions=_UNLIMITED * sifts + _NO_LARGER * weighs,
        met=_MET * (sifts or weighs),
        job=connections[using].ops.quote_name(Job._meta.db_table),
    )
