"""Waiting for jobs to end, from outside of their workers."""

from __future__ import annotations

import time

from benchmarks.child import PATIENCE
from benchmarks.scratch import Scratch, WorkNotDone


def until_succeeded(scratch: Scratch, jobs: int, every: float = 0.05) -> None:
    """Wait until so many jobs have succeeded."""
    deadline = time.monotonic() + PATIENCE
    while (done := scratch.count("succeeded")) < jobs:
        if time.monotonic() > deadline:
            raise WorkNotDone(f"only {done} of {jobs} jobs succeeded in {PATIENCE:.0f} seconds")
        time.sleep(every)
