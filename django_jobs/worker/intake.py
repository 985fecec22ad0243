"""What a worker takes from the queue into its workshop, and gives back."""

from __future__ import annotations

import logging
import socket
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from django_jobs import engine, registry
from django_jobs.conf import options
from django_jobs.limits import DEFAULT_UNITS, Allowance, Limit, Room
from django_jobs.orders import WorkerOptions
from django_jobs.outcomes import Claimed, Finished
from django_jobs.worker.appetite import Appetite
from django_jobs.worker.budget import Budget
from django_jobs.worker.signposts import Signposts
from django_jobs.worker.workshop import Workshop, job_processes

logger = logging.getLogger("django_jobs")

#: Seconds that a prefetched job may wait for a place before it is given back to other workers.
HOLD = 1.0


class Intake:
    """Claims jobs, as many as the worker can digest, and releases those it cannot run."""

    def __init__(
        self,
        worker: int,
        given: WorkerOptions,
        concurrency: int,
        workshop: Workshop,
        budget: Budget,
        *,
        may_claim: Callable[[], bool],
    ) -> None:
        """``may_claim`` is asked before each claim: a worker that may be taken for dead may not."""
        self._worker, self._given, self._concurrency = worker, given, concurrency
        self._workshop, self._budget = workshop, budget
        self._may_claim = may_claim
        settings = options()
        self._host = socket.gethostname()
        self._units = given.units or settings.units
        self._own_places = job_processes(settings, concurrency)
        self._signposts = Signposts(given, settings)
        #: By the kind of places; empty for ordinary ones.
        self._appetites = {"": Appetite(concurrency)}
        self._claim_in_doubt = False
        #: Jobs that have ended and are not recorded.
        self.ended: list[Claimed] = []
        #: Seconds until a rate that keeps jobs waiting lets the next one start.
        self.again_in: float | None = None
        #: When jobs were last claimed, by the monotonic clock.
        self.claimed_at = time.monotonic()

    @property
    def is_over(self) -> bool:
        """Return whether the budget is spent and all that was taken has ended."""
        return self._budget.is_spent and not self._workshop.owned

    def claim(self) -> int:
        """Claim what fits, hand it to the workshop, and return how many jobs that are."""
        limits = registry.limits()
        wanted = self._wanted(limits) if self._may_claim() else {}
        granted = self._budget.take(sum(limit for limit, _ in wanted.values())) if wanted else 0
        if not granted:
            return 0
        self._signposts.refresh()
        rooms = {
            kind: Room(min(limit, granted), free, self._appetite(kind).line)
            for kind, (limit, free) in wanted.items()
        }
        claim = engine.Claim(
            self._worker,
            self._given.queues,
            granted,
            starting=rooms[""].starting,
            allowance=self._allowance(limits, rooms),
            using=self._given.using,
        )
        jobs: list[Claimed] = []
        # Whatever happens on the way back, the database may have made jobs ours.
        self._claim_in_doubt = True
        try:
            jobs = claim.make()
        finally:
            self._budget.give_back(granted - len(jobs))
        self._claim_in_doubt = False
        self.again_in = claim.again_in
        if jobs:
            self.claimed_at = time.monotonic()
            self._workshop.submit(jobs)
        elif registry.limits() is not limits:
            return self.claim()  # a module was imported meanwhile, and declares limits
        return len(jobs)

    def _wanted(self, limits: Mapping[str, Limit]) -> dict[str, tuple[int, int]]:
        """Return for places of each kind how many jobs to claim, and how many can start."""
        wanted = {}
        # What has ended holds no place any more, though it is not recorded yet.
        ended = Counter(_places(job.name, limits) for job in self.ended)
        ordinary = len(self._workshop.owned) - ended[""]
        for kind in {limit.places for limit in limits.values() if limit.places}:
            owned = self._workshop.owned_in(kind)
            ordinary -= owned
            owned -= ended[kind]
            wanted[kind] = (self._appetite(kind).limit(owned), self._own_places - owned)
        free = self._concurrency - ordinary
        wanted[""] = (self._appetites[""].limit(ordinary), free)
        return wanted

    def _allowance(self, limits: Mapping[str, Limit], rooms: Mapping[str, Room]) -> Allowance:
        posts = self._signposts
        return Allowance(
            limits,
            self._host,
            self._host_budget(limits),
            rooms,
            posts.policies,
            posts.barred,
            posts.sequence,
            posts.order == "weighted",
        )

    def _host_budget(self, limits: Mapping[str, Limit]) -> int | None:
        """Return the units of this host, None where nobody has to count them."""
        if self._units is None and any(limit.units > 1 for limit in limits.values()):
            return DEFAULT_UNITS
        return self._units

    def learn(self, finished: Sequence[Finished]) -> None:
        """Take in how long jobs ran."""
        if len(self._appetites) == 1:
            self._appetites[""].learn(finished)
            return
        limits = registry.limits()
        kinds = {name: _places(name, limits) for name in {ended.job.name for ended in finished}}
        shares: dict[str, list[Finished]] = {}
        for ended in finished:
            shares.setdefault(kinds[ended.job.name], []).append(ended)
        for kind, share in shares.items():
            self._appetite(kind).learn(share)

    def _appetite(self, kind: str) -> Appetite:
        if kind not in self._appetites:
            self._appetites[kind] = Appetite(self._own_places)
        return self._appetites[kind]

    @property
    def waits_for_records(self) -> bool:
        """Return whether ended jobs hold permits until they are recorded."""
        if not self.ended:
            return False
        limits = registry.limits()
        if self._host_budget(limits) is not None or self._signposts.policies:
            return True
        names = {registry.current(job.name) for job in self.ended}
        return any(limit.counts for name in names if (limit := limits.get(name)))

    def give_back_stale(self) -> None:
        """Give back what has waited for a place for too long, behind jobs longer than expected."""
        if time.monotonic() - self.claimed_at > HOLD and self.give_back_waiting(all_of_them=False):
            for appetite in self._appetites.values():
                appetite.forget()

    def give_back_waiting(self, *, all_of_them: bool = True) -> int:
        """Give back what has not begun, or not soon will; return how many jobs that are."""
        waiting = self._workshop.withdraw(all_of_them=all_of_them)
        self.release(waiting)
        return len(waiting)

    def release(self, jobs: Sequence[Claimed]) -> None:
        """Give jobs back, at no charge."""
        if not jobs:
            return
        self._workshop.forget(job.id for job in jobs)
        self._budget.give_back(len(jobs))
        # What cannot be released now is still ours in the database, and unknown here.
        self._claim_in_doubt = True
        engine.release(jobs, using=self._given.using)
        self._claim_in_doubt = False
        logger.info("jobs.released count=%s", len(jobs))

    def settle_doubt(self) -> None:
        """Give back what a claim or a release whose answer was lost has left with us."""
        if self._claim_in_doubt:
            self.disown()

    def disown(self) -> None:
        """Give back what the database says is ours and nobody here knows of."""
        engine.disown(self._worker, list(self._workshop.owned), using=self._given.using)
        self._claim_in_doubt = False


def _places(name: str, limits: Mapping[str, Limit]) -> str:
    limit = limits.get(registry.current(name))
    return limit.places if limit else ""
