"""coroutines: jobs that wait, 100 at a time; beside the time that this takes at best."""

from __future__ import annotations

from statistics import median

from benchmarks import child
from benchmarks.jobs import WAIT
from benchmarks.measure import Finding
from benchmarks.scratch import Scratch

JOBS = 1_000
CONCURRENCY = 100
#: Times the ideal.
GOAL = 1.25


def run(scratch: Scratch, jobs: int, rounds: int) -> list[Finding]:
    """Measure from the start of the first run to the end of the last one."""
    took = []
    for number in range(rounds):
        scratch.refill(jobs, "benchmarks.jobs.wait")
        child.run("library", "drain_100", jobs)
        scratch.expect(jobs, "succeeded", f"coroutines, round {number + 1}")
        took.append(
            scratch.value(
                "SELECT extract(epoch FROM max(finished_at) - min(started_at)) FROM django_jobs_job"
            )
        )
    ideal = -(-jobs // CONCURRENCY) * WAIT
    ratio = median(took) / ideal
    return [
        Finding(
            "coroutines",
            f"{ratio:.2f} x the ideal (goal {GOAL}), {jobs:,} jobs that wait {WAIT * 1000:.0f} ms, "
            f"{CONCURRENCY} at a time: {median(took) * 1000:,.0f} ms",
            ratio <= GOAL,
            {"ratio": round(ratio, 3), "ms": round(median(took) * 1000)},
        )
    ]
