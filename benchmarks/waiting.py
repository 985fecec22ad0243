"""Waiting for jobs to end, from outside of their workers."""

from __future__ import annotations

import time
from collections.abc import Callable

from benchmarks.child import PATIENCE
from benchmarks.scratch import Scratch, WorkNotDone


def until(condition: Callable[[], bool], what: str, every: float = 0.05) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise WorkNotDone(f"not within {PATIENCE:.0f} seconds: {what}")
        time.sleep(every)


def until_succeeded(scratch: Scratch, jobs: int) -> None:
    """Wait until so many jobs have succeeded."""
    until(lambda: scratch.count("succeeded") >= jobs, f"{jobs} jobs have succeeded")
