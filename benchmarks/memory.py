"""memory: what one worker process holds after many jobs, and after three times as many."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from benchmarks import child
from benchmarks.measure import Finding
from benchmarks.scratch import Scratch
from benchmarks.waiting import until_succeeded

JOBS = 50_000
#: MB.
GOAL = 90.0
#: How much more after three times as many jobs, as a share.
GOAL_GROWTH = 0.03


def run(scratch: Scratch, jobs: int, rounds: int) -> list[Finding]:
    """Measure the resident set of one worker; a single round: what counts is its growth."""
    scratch.refill(jobs)
    with child.running("library", "worker") as pid:
        until_succeeded(scratch, jobs)
        first = resident(pid)
        scratch.add(2 * jobs)
        until_succeeded(scratch, 3 * jobs)
        second = resident(pid)
    scratch.expect(3 * jobs, "succeeded", "memory")
    return [_finding(jobs, first, second)]


def _finding(jobs: int, first: float, second: float) -> Finding:
    ratio = second / first
    said = (
        f"{first:.1f} MB after {jobs:,} jobs (goal < {GOAL:.0f}), {second:.1f} MB after "
        f"{3 * jobs:,}, ratio {ratio:.3f} (goal < {1 + GOAL_GROWTH:.2f})"
    )
    is_met = first < GOAL and ratio < 1 + GOAL_GROWTH
    return Finding(
        "memory",
        said,
        is_met,
        {"first_mb": round(first, 1), "second_mb": round(second, 1), "ratio": round(ratio, 3)},
    )


def resident(pid: int) -> float:
    """Return the resident set of a process in MB."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except FileNotFoundError:  # no Linux
        asked = subprocess.run(
            ["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True, check=True
        )
        return int(asked.stdout) * 1024 / 1e6
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
