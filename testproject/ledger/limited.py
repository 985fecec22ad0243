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


@job(concurrency_key=lambda label, key: key, max_running_per_key=2, max_attempts=20)
def run_two_per_key(label: str, key: str) -> None:
    """Work for a while."""
    _work(f"key {key}/{label}", 0.02)


@job(concurrency_key=lambda label, key, gate=None: key, max_running_per_key=1, max_attempts=20)
def run_one_per_key(label: str, key: str, gate: str | None = None) -> None:
    """Work for a moment; with a gate, until somebody opens it."""
    _tell(f"line {key}/{label}: begun")
    until = time.monotonic() + PATIENCE
    while gate and not Gate.objects.filter(name=gate).exists() and time.monotonic() < until:
        time.sleep(0.02)
    _tell(f"line {key}/{label}: ended")


@job(concurrency_key=lambda label, key: key, ordered=True, max_attempts=20)
def run_in_order(label: str, key: str) -> None:
    """Work for a while."""
    _work(f"order {key}/{label}", 0.005)


@job(rate_limit="25/s", max_attempts=20)
def run_at_a_rate(label: str) -> None:
    """Work for a moment."""
    _work(f"rate/{label}", 0.0)


@job(max_running=3, units=5, max_attempts=20)
def run_three_heavy_ones(label: str) -> None:
    """Work for a while."""
    _work(f"heavy/{label}", 0.02)


def _work(label: str, seconds: float) -> None:
    _tell(f"{label}: begun")
    time.sleep(seconds)
    _tell(f"{label}: ended")


def _tell(label: str) -> None:
    Effect.objects.create(label=label, pid=os.getpid())
