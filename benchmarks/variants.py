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
    scratch: Scratch,
    what: str,
    name: str,
    jobs: int,
    rounds: int,
    *,
    goal: float,
    side: str,
    columns: dict[str, str],
) -> Finding:
    """Return how fast jobs named ``name`` are drained, beside as many that do nothing."""
    took: dict[str, list[float]] = {NOTHING: [], name: []}
    for number in range(rounds):
        for kind in (NOTHING, name) if number % 2 == 0 else (name, NOTHING):
            scratch.refill(jobs, kind, **(columns if kind == name else {}))
            child.run("library", side if kind == name else "drain", jobs)
            scratch.expect(jobs, "succeeded", f"{what}, round {number + 1}")
            took[kind].append(scratch.value(_TOOK))
    rates = {kind: jobs / median(seconds) for kind, seconds in took.items()}
    return compare(what, rates[name], rates[NOTHING], to="jobs that do nothing", goal=goal)


class Variant:
    """One benchmark of a kind of job."""

    def __init__(
        self, what: str, name: str, jobs: int, *, goal: float, side: str = "drain", **columns: str
    ) -> None:
        """``columns`` are what rows of its jobs hold, as scratch.add() takes them."""
        self.JOBS = jobs
        self._measure = partial(
            beside_plain, what=what, name=name, goal=goal, side=side, columns=columns
        )

    def run(self, scratch: Scratch, jobs: int, rounds: int) -> list[Finding]:
        """Measure it."""
        return [self._measure(scratch, jobs=jobs, rounds=rounds)]


_HOME, _SHARE = "benchmarks.jobs.leave_home", "benchmarks.limited.share"
process = Variant("process", _HOME, 20_000, lane=_HOME, goal=0.20)
context = Variant("context", "benchmarks.jobs.ask", 50_000, goal=0.90)
limits = Variant(
    "limits", _SHARE, 50_000, goal=0.80, side="drain_limited", lane=_SHARE,
    key="'tenant-' || mod(n, 20)", kwargs="jsonb_build_object('number', n)",
)  # fmt: skip
