"""tenants: what one tenant's hundred thousand jobs cost the waiting time of all others.

A thousand tenants, each of whom may run two jobs at a time, send jobs at a steady rate to one
worker; once alone, and once beside a tenant with a backlog.
"""

from __future__ import annotations

import random
import time

from benchmarks import child
from benchmarks.measure import Finding, percentiles
from benchmarks.scratch import Scratch, WorkNotDone
from benchmarks.waiting import until

#: Jobs that the others send, at so many a second.
JOBS, RATE = 2_000, 200
TENANTS = 1_000
BACKLOG = 100_000
#: Times as long as without the backlog, at most.
GOAL = 2.0
GIANT = "giant"
SEED = 1

_SERVE = "benchmarks.keyed.serve"
_WAITED = """
SELECT extract(epoch FROM started_at - enqueued_at)::float8 * 1000 FROM django_jobs_job
WHERE concurrency_key <> %s AND state = 'succeeded'
"""


def run(scratch: Scratch, jobs: int, rounds: int) -> list[Finding]:
    """Measure from enqueued_at to started_at; ``rounds`` are not repeated: jobs are the sample."""
    alone = _measure(scratch, jobs, backlog=0)
    beside = _measure(scratch, jobs, backlog=BACKLOG)
    ratio = beside["p95"] / alone["p95"]
    said = (
        f"p95 of the others' wait {beside['p95']:.1f} ms beside a backlog of {BACKLOG:,}, "
        f"{alone['p95']:.1f} ms without: {ratio:.2f} times (goal {GOAL:.0f}); "
        f"p50 {beside['p50']:.1f} and {alone['p50']:.1f} ms"
    )
    figures = {"ratio": ratio, "beside_p95_ms": beside["p95"], "alone_p95_ms": alone["p95"]}
    rounded = {name: round(value, 2) for name, value in figures.items()}
    return [Finding("tenants", said, ratio <= GOAL, rounded)]


def _measure(scratch: Scratch, jobs: int, *, backlog: int) -> dict[str, float]:
    from benchmarks.keyed import serve

    scratch.refill(backlog, _SERVE, lane=_SERVE, key=f"'{GIANT}'", kwargs="'{\"tenant\": 0}'")
    tenants = random.Random(SEED)
    with child.running("library", "keyed_worker"):
        until(lambda: scratch.workers() > 0, "a worker is there")
        due = time.monotonic()
        for _ in range(jobs):
            time.sleep(max(0.0, due - time.monotonic()))
            serve.enqueue(tenant=tenants.randrange(TENANTS))
            due += 1 / RATE
        waits: list[float] = []
        until(lambda: len(scratch.column(_WAITED, GIANT)) >= jobs, "all of them have run")
        waits = scratch.column(_WAITED, GIANT)
    if len(waits) != jobs:
        raise WorkNotDone(f"{len(waits)} of {jobs} jobs of the others were run")
    return percentiles(waits)
