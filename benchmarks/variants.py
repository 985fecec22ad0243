"""The same number of jobs of two kinds, run by one worker: what the second kind costs.

Timed by the database's clock, from the start of the first run to the end of the last one: what
a process needs to start is not in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from statistics import median
from typing import NamedTuple

from benchmarks import child
from benchmarks.measure import Finding, compare
from benchmarks.scratch import NOTHING, Scratch

_TOOK = "SELECT extract(epoch FROM max(finished_at) - min(started_at)) FROM django_jobs_job"


class Kind(NamedTuple):
    """Jobs of one function: its name, who drains them, and what their rows hold."""

    name: str
    side: str = "drain"
    #: As scratch.add() takes them.
    columns: Mapping[str, str] = {}


_PLAIN = Kind(NOTHING)


def beside(
    scratch: Scratch,
    what: str,
    one: Kind,
    other: Kind,
    jobs: int,
    rounds: int,
    *,
    to: str,
    goal: float,
) -> Finding:
    """Return how fast jobs of ``one`` kind are drained, beside as many of the ``other``."""
    took: dict[str, list[float]] = {one.name: [], other.name: []}
    for number in range(rounds):
        for kind in (other, one) if number % 2 == 0 else (one, other):
            scratch.refill(jobs, kind.name, **kind.columns)
            child.run("library", kind.side, jobs)
            scratch.expect(jobs, "succeeded", f"{what}, round {number + 1}")
            took[kind.name].append(scratch.value(_TOOK))
    rates = {name: jobs / median(seconds) for name, seconds in took.items()}
    return compare(what, rates[one.name], rates[other.name], to=to, goal=goal)


class Variant:
    """One benchmark of a kind of job."""

    def __init__(
        self,
        what: str,
        one: Kind,
        jobs: int,
        *,
        goal: float,
        other: Kind = _PLAIN,
        to: str = "jobs that do nothing",
    ) -> None:
        """``to`` says what the ``other`` kind is."""
        self.JOBS = jobs
        self._measure = partial(beside, what=what, one=one, other=other, to=to, goal=goal)

    def run(self, scratch: Scratch, jobs: int, rounds: int) -> list[Finding]:
        """Measure it."""
        return [self._measure(scratch, jobs=jobs, rounds=rounds)]


_HOME, _SHARE = "benchmarks.jobs.leave_home", "benchmarks.limited.share"
_NUMBER = {"kwargs": "jsonb_build_object('number', n)"}
process = Variant("process", Kind(_HOME, columns={"lane": _HOME}), 20_000, goal=0.20)
context = Variant("context", Kind("benchmarks.jobs.ask"), 50_000, goal=0.90)
limits = Variant(
    "limits",
    Kind(_SHARE, "drain_limited", {"lane": _SHARE, "key": "'tenant-' || mod(n, 20)", **_NUMBER}),
    50_000,
    other=Kind("benchmarks.jobs.count", columns=_NUMBER),
    to="such jobs without limits",
    goal=0.80,
)
