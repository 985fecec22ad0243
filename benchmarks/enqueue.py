"""enqueue: one by one, each in its own transaction; beside the bare INSERT."""

from __future__ import annotations

from functools import partial

from benchmarks.bare import WARM_UP
from benchmarks.measure import Finding, compare, in_turn, rate
from benchmarks.scratch import Scratch

JOBS = 5_000
GOAL = 0.50


def run(scratch: Scratch, jobs: int, rounds: int) -> list[Finding]:
    """Measure jobs without arguments, and with one."""
    return [
        _one(scratch, "enqueue", jobs, rounds),
        _one(scratch, "enqueue_kwargs", jobs, rounds),
    ]


def _one(scratch: Scratch, what: str, jobs: int, rounds: int) -> Finding:
    measured = in_turn(
        what,
        jobs,
        rounds,
        before=scratch.clear,
        after=partial(scratch.expect, jobs + WARM_UP, "ready"),
    )
    library, bare = rate(measured.library, jobs), rate(measured.bare, jobs)
    name = what.replace("_", " with ")
    return compare(name, library, bare, to="the bare INSERT", goal=GOAL)
