"""hot_key: a key of which one job runs at a time, with thousands waiting; beside a bare loop.

Of 10,000 waiting jobs a part is run. Timed by the database's clock, from the start of the first
run to the end of the last one.
"""

from __future__ import annotations

from statistics import median

from benchmarks import bare, child
from benchmarks.measure import Finding, compare
from benchmarks.scratch import Scratch, WorkNotDone

JOBS = 2_000
WAITING = 10_000
GOAL = 0.60

_TOOK = "SELECT extract(epoch FROM max(finished_at) - min(started_at)) FROM django_jobs_job"


def run(scratch: Scratch, jobs: int, rounds: int) -> list[Finding]:
    """Measure jobs of a millisecond: the library's worker, and claim, sleep, finish one by one."""
    took: dict[str, list[float]] = {"library": [], "bare": []}
    for number in range(rounds):
        for side in took if number % 2 == 0 else reversed(took):
            scratch.refill(max(WAITING, jobs), bare.HOT, lane=bare.HOT, key=f"'{bare.KEY}'")
            child.run(side, "hot", jobs)
            if (ended := scratch.count("succeeded")) != jobs:
                raise WorkNotDone(f"{side}: {ended} of {jobs} jobs succeeded")
            took[side].append(scratch.value(_TOOK))
    library, alone = (jobs / median(took[side]) for side in ("library", "bare"))
    to = "a bare loop that claims, works and finishes one by one"
    return [compare("hot_key", library, alone, to=to, goal=GOAL)]
