"""latency: how long an idle worker takes to start a job; beside a bare LISTEN and claim."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable

import psycopg

from benchmarks import bare, child
from benchmarks.measure import Finding, percentiles
from benchmarks.scratch import Scratch, WorkNotDone
from benchmarks.waiting import until_succeeded

JOBS = 200
#: Milliseconds.
GOAL_P50, GOAL_P99 = 10.0, 50.0
#: Jobs before the ones that count: the worker is up, its listener listens.
WARM_UP = 5
#: Seconds between two jobs.
SHORTEST, LONGEST = 0.05, 0.25
#: Both sides get the same intervals.
SEED = 1


def run(scratch: Scratch, jobs: int, rounds: int) -> list[Finding]:
    """Measure from enqueued_at to started_at; ``rounds`` are not repeated: jobs are the sample."""
    from testproject.ledger.jobs import nothing

    library = _measure(scratch, "library", jobs, lambda: nothing.enqueue())
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        alone = _measure(scratch, "bare", jobs, lambda: bare.insert_and_notify(connection))
    return [_finding(library, alone)]


def _measure(
    scratch: Scratch, side: str, jobs: int, enqueue_one: Callable[[], object]
) -> dict[str, float]:
    scratch.clear()
    intervals = random.Random(SEED)
    with child.running(side, "worker"):
        for _ in range(WARM_UP):
            enqueue_one()
        until_succeeded(scratch, WARM_UP)
        for _ in range(jobs):
            time.sleep(intervals.uniform(SHORTEST, LONGEST))
            enqueue_one()
        until_succeeded(scratch, WARM_UP + jobs)
    waited = scratch.pickups(after=WARM_UP)
    if len(waited) != jobs:
        raise WorkNotDone(f"{len(waited)} pickups of {jobs} jobs by the {side} side")
    return percentiles(waited)


def _finding(library: dict[str, float], alone: dict[str, float]) -> Finding:
    ratio = library["p50"] / alone["p50"]
    said = (
        f"p50 {library['p50']:.1f} ms (goal < {GOAL_P50:.0f}), p95 {library['p95']:.1f} ms, "
        f"p99 {library['p99']:.1f} ms (goal < {GOAL_P99:.0f}); bare LISTEN and claim: "
        f"p50 {alone['p50']:.1f} ms, p99 {alone['p99']:.1f} ms, ratio of p50 {ratio:.1f}"
    )
    figures = {
        **{f"library_{name}_ms": round(value, 2) for name, value in library.items()},
        **{f"bare_{name}_ms": round(value, 2) for name, value in alone.items()},
        "ratio": round(ratio, 2),
    }
    return Finding(
        "latency", said, library["p50"] < GOAL_P50 and library["p99"] < GOAL_P99, figures
    )
