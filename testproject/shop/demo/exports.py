"""One customer who asks for far more than the others, under a limit for each customer."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from django_jobs import enqueue_many
from django_jobs.models import Job
from testproject.shop.demo.invariants import Invariant
from testproject.shop.jobs import export_orders
from testproject.shop.models import Customer

#: Parts that the greedy customer asks for, and each of the others.
GREEDY, MODEST = 40, 2
#: How many others there are.
OTHERS = 5


@dataclass
class Exports:
    """The jobs of all of them, the greedy one's first."""

    greedy: int
    jobs: Sequence[Job]

    @classmethod
    def enqueue(cls) -> "Exports":
        """Ask for all parts: those of the greedy customer before any other."""
        greedy, *others = Customer.objects.order_by("pk").values_list("pk", flat=True)[: OTHERS + 1]
        asked = [(greedy, part) for part in range(GREEDY)]
        asked += [(other, part) for other in others for part in range(MODEST)]
        part = export_orders.job
        specs = [part.with_kwargs(customer_id=customer, part=n) for customer, n in asked]
        return cls(greedy, enqueue_many(specs))

    def runs(self) -> dict[str, list[tuple[datetime, datetime]]]:
        """Return from when to when each customer's parts were written, by their keys."""
        found: dict[str, list[tuple[datetime, datetime]]] = {}
        for job in Job.objects.filter(pk__in=[job.pk for job in self.jobs]).order_by("started_at"):
            if job.result:
                told = [datetime.fromisoformat(job.result[name]) for name in ("began", "ended")]
                found.setdefault(job.concurrency_key, []).append((told[0], told[1]))
        return found

    def invariants(self) -> Iterator[Invariant]:
        """Yield what must hold."""
        runs = self.runs()
        clashes = sum(
            later[0] < earlier[1]
            for spans in map(sorted, runs.values())
            for earlier, later in pairwise(spans)
        )
        written = sum(map(len, runs.values()))
        yield Invariant(
            f"{written:,} parts of exports are written, never two of one customer at a time",
            written == len(self.jobs) and not clashes,
        )
        mine = runs.pop(f"customer-{self.greedy}", [])
        others = max((end for spans in runs.values() for _, end in spans), default=None)
        before = sum(others is not None and end <= others for _, end in mine)
        yield Invariant(
            f"{len(runs):,} customers came behind one who asked for {len(mine):,} parts, and had "
            f"theirs when {before:,} of those were written",
            others is not None and before < len(mine) // 2,
        )
