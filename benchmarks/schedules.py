"""schedules: many due at one moment, fired by one worker that runs their jobs as well."""

from __future__ import annotations

import time
from itertools import islice, product
from statistics import median

from benchmarks import child
from benchmarks.measure import Finding
from benchmarks.scratch import Scratch, WorkNotDone

JOBS = 10_000
#: Seconds.
GOAL = 5.0
#: Seconds from the making of the schedules until they are due: the worker has planned them then.
AHEAD = 8
PATIENCE = 120.0


def run(scratch: Scratch, jobs: int, rounds: int) -> list[Finding]:
    """Measure from the tick until the last job is there for all to see, and until it has run."""
    took = [_measure(scratch, jobs) for _ in range(rounds)]
    fired, ran = (median(times) for times in zip(*took, strict=True))
    return [
        Finding(
            "schedules",
            f"{jobs:,} due at one moment, no two expressions alike, have their jobs after "
            f"{fired:.2f} s (goal {GOAL:.0f}), and these have run after {ran:.2f} s",
            fired <= GOAL,
            {"ratio": round(GOAL / fired, 2), "fired_s": round(fired, 3), "ran_s": round(ran, 3)},
        )
    ]


def _measure(scratch: Scratch, jobs: int) -> tuple[float, float]:
    scratch.clear()
    scratch.schedule([])
    with child.running("library", "worker"):
        _wait_for(scratch, "SELECT count(*) FROM django_jobs_worker", 1)
        tick = int(scratch.value("SELECT extract(epoch FROM clock_timestamp())")) + AHEAD
        scratch.schedule(_expressions(tick, jobs))
        fired = _wait_for(scratch, "SELECT count(*) FROM django_jobs_job", jobs, tick)
        ran = _wait_for(
            scratch, "SELECT count(*) FROM django_jobs_job WHERE state = 'succeeded'", jobs, tick
        )
    scratch.expect(jobs, "succeeded", "schedules")
    return fired, ran


def _wait_for(scratch: Scratch, query: str, count: int, tick: float = 0.0) -> float:
    """Return how many seconds after the tick, by the database's clock, there were so many."""
    until = time.monotonic() + PATIENCE
    while scratch.value(query) < count:
        if time.monotonic() > until:
            raise WorkNotDone(f"{query} has not come to {count} in {PATIENCE:.0f} s")
        time.sleep(0.02)
    return scratch.value("SELECT extract(epoch FROM clock_timestamp())") - tick


def _expressions(tick: int, count: int) -> list[str]:
    """Return different expressions that all mean a moment, and no other for an hour."""
    at = time.gmtime(tick)
    # At that time of this day; and in other hours, on other days, in other months.
    others = product(range(24), range(1, 32), range(1, 13), "*?")
    made = (
        f"{at.tm_sec} {at.tm_min} {at.tm_hour},{hour} {at.tm_mday},{day} {at.tm_mon},{month} "
        f"{'*' if star == '*' else '*/1'}"
        for hour, day, month, star in others
    )
    return list(islice(made, count))
