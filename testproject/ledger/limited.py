"""Jobs that may not all run at once: each tells the ledger when it begins and when it ends.

Not imported by jobs.py: a worker of this project counts units only once it has met such a job.
"""

from __future__ import annotations

import os
import time

from django_jobs import job
from testproject.ledger.models import Effect, Gate

#: Seconds after which a job stops waiting at a gate that no test opens.
PATIENCE = 60


@job(units=2, max_attempts=3)
def take_two_units(label: str, seconds: float = 0.02) -> None:
    """Work for a while."""
    _work(label, seconds)


@job(max_running=3, max_attempts=3)
def run_three_at_once(label: str, seconds: float = 0.02) -> None:
    """Work for a while."""
    _work(label, seconds)


@job(max_running_per_host=2, max_attempts=3)
def run_two_per_host(label: str, seconds: float = 0.02) -> None:
    """Work for a while."""
    _work(label, seconds)


@job(max_running=2, max_attempts=3)
def hold_one_of_two(label: str) -> None:
    """Hold on to a permit until somebody opens the gate."""
    _tell(f"{label}: begun")
    until = time.monotonic() + PATIENCE
    while not Gate.objects.filter(name="permits").exists() and time.monotonic() < until:
        time.sleep(0.02)
    _tell(f"{label}: ended")


def _work(label: str, seconds: float) -> None:
    _tell(f"{label}: begun")
    time.sleep(seconds)
    _tell(f"{label}: ended")


def _tell(label: str) -> None:
    Effect.objects.create(label=label, pid=os.getpid())
