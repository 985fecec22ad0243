"""fan_in: many jobs that one waits for, in a workflow; beside as many that nobody waits for."""

from __future__ import annotations

from statistics import median

from benchmarks import child
from benchmarks.measure import Finding, compare
from benchmarks.scratch import Scratch

JOBS = 10_000
GOAL = 0.60

_TOOK = "SELECT extract(epoch FROM max(finished_at) - min(started_at)) FROM django_jobs_job"
_WRITTEN = (
    "SELECT sum(n_tup_upd) FROM pg_stat_user_tables "
    "WHERE relname IN ('django_jobs_step', 'django_jobs_workflow')"
)


def run(scratch: Scratch, jobs: int, rounds: int) -> list[Finding]:
    """Measure from the start of the first run to the end of the last one, the one that waits too.

    The second figure is how often the rows of the workflow and of its steps were written.
    """
    took: dict[bool, list[float]] = {True: [], False: []}
    written = []
    for number in range(rounds):
        for is_workflow in (True, False) if number % 2 == 0 else (False, True):
            _fill(scratch, jobs, is_workflow)
            before = scratch.value(_WRITTEN)
            child.run("library", "drain", jobs + 1)
            scratch.expect(jobs + 1, "succeeded", f"fan_in, round {number + 1}")
            took[is_workflow].append(scratch.value(_TOOK))
            if is_workflow:
                written.append(scratch.value(_WRITTEN) - before)
    rates = {kind: jobs / median(seconds) for kind, seconds in took.items()}
    return [
        compare("fan_in", rates[True], rates[False], to="plain jobs", goal=GOAL),
        _storm(jobs, median(written)),
    ]


def _fill(scratch: Scratch, jobs: int, is_workflow: bool) -> None:
    from django_jobs import group
    from testproject.ledger.jobs import nothing

    if not is_workflow:
        scratch.refill(jobs + 1)
        return
    scratch.clear()
    (group(*[nothing.job] * jobs) | nothing).enqueue()
    scratch.settle()


def _storm(jobs: int, written: float) -> Finding:
    ratio = written / jobs
    return Finding(
        "fan_in, writes of steps",
        f"{written:.0f} for {jobs:,} jobs, {ratio:.4f} for each",
        None,
        {"ratio": round(ratio, 4), "writes": round(written)},
    )
