"""drain: no-op jobs, inserted before, run by one worker process; beside the bare loop."""

from __future__ import annotations

from functools import partial

from benchmarks.measure import Finding, compare, in_turn, rate
from benchmarks.scratch import Scratch

JOBS = 50_000
GOAL = 0.45


def run(scratch: Scratch, jobs: int, rounds: int) -> list[Finding]:
    """Measure both sides from before their first connection until the last job is recorded."""
    measured = in_turn(
        "drain",
        jobs,
        rounds,
        before=partial(scratch.refill, jobs),
        after=partial(scratch.expect, jobs, "succeeded"),
    )
    library, bare = rate(measured.library, jobs), rate(measured.bare, jobs)
    return [compare("drain", library, bare, to="the bare loop", goal=GOAL)]
