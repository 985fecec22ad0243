"""bulk: enqueue_many; beside a bare COPY of the same columns and values."""

from __future__ import annotations

from benchmarks.measure import Finding, compare, in_turn, rate
from benchmarks.scratch import Scratch, WorkNotDone

JOBS = 50_000
GOAL = 0.50


def run(scratch: Scratch, jobs: int, rounds: int) -> list[Finding]:
    """Measure with specs made beforehand, and with the making of them."""

    def check(after: str) -> None:
        scratch.expect(jobs, "ready", after)
        total = scratch.value("SELECT sum((kwargs->>'number')::int) FROM django_jobs_job")
        if total != jobs * (jobs - 1) // 2:
            raise WorkNotDone(f"after {after}: the arguments are not what was given")

    measured = in_turn("bulk", jobs, rounds, before=scratch.clear, after=check)
    bare = rate(measured.bare, jobs)
    library = rate(measured.library, jobs)
    making = rate(measured.library, jobs, "seconds", "making")
    return [
        compare("bulk", library, bare, to="the bare COPY", goal=GOAL),
        compare("bulk, specs included", making, bare, to="the bare COPY", goal=None),
    ]
