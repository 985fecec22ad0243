"""The same number of jobs of two kinds, run by one worker: what the second kind costs.

Timed by the database's clock, from the start of the first run to the end of the last one: what
a process needs to start is not in it.
"""

from __future__ import annotations

from functools import partial
from statistics import median

from benchmarks import child
from benchmarks.measure import Finding, compare
from benchmarks.scratch import NOTHING, Scratch

_TOOK = "SELECT extract(epoch FROM max(finished_at) - min(started_at)) FROM django_jobs_job"


def beside_plain(
    scratch: Scratch, what: str, name: str, jobs: int, rounds: int, *, lane: bool, goal: float
) -> Finding:
    """Return how fast jobs named ``name`` are drained, beside as many that do nothing."""
    took: dict[str, list[float]] = {NOTHING: [], name: []}
    for number in range(rounds):
        for kind in (NOTHING, name) if number % 2 == 0 else (name, NOTHING):
            scratch.refill(jobs, kind, lane=kind if lane and kind == name else "")
            child.run("library", "drain", jobs)
            scratch.expect(jobs, "succeeded", f"{what}, round {number + 1}")
            took[kind].append(scratch.value(_TOOK))
    rates = {kind: jobs / median(seconds) for kind, seconds in took.items()}
    return compare(what, rates[name], rates[NOTHING], to="jobs that do nothing", goal=goal)


class Variant:
    """One benchmark of a kind of job."""

    def __init__(self, what: str, name: str, jobs: int, *, lane: bool = False, goal: float) -> None:
        self.JOBS = jobs
        self._measure = partial(beside_plain, what=what, name=name, lane=lane, goal=goal)

    def run(self, scratch: Scratch, jobs: int, rounds: int) -> list[Finding]:
        """Measure it."""
        return [self._measure(scratch, jobs=jobs, rounds=rounds)]


process = Variant("process", "benchmarks.jobs.leave_home", 20_000, lane=True, goal=0.20)
context = Variant("context", "benchmarks.jobs.ask", 50_000, goal=0.90)
limits = Variant("limits", "benchmarks.limited.share", 50_000, lane=True, goal=0.80)
