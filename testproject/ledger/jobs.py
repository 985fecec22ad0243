"""Tiny jobs for the tests and the benchmarks: each does one thing that jobs do, well or badly."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
import time
from datetime import timedelta
from typing import Any

from asgiref.sync import sync_to_async
from django.db import connection, transaction
from django.utils import timezone, translation

from django_jobs import Cancel, Retry, Snooze, job
from django_jobs.models import Job
from testproject.ledger import (  # noqa: F401 - registers them
    cool_tasks,
    dependent,
    examples,
    ordeals,
    paint,
    things1,
    torture,
    traces,
    trials,
)
from testproject.ledger.models import Effect, Gate

#: Seconds after which a job stops waiting at a gate that no test opens.
PATIENCE = 60


@job
def nothing() -> None:
    """Do nothing."""


@job
def divide(number: int, by: int) -> float:
    """Return a quotient."""
    return number / by


@job
def give_back(value: Any) -> Any:
    """Return what was given."""
    return value


@job(max_attempts=5)
def leave_effect(label: str) -> None:
    """Write one row to the ledger."""
    _effect(label)


@job(max_attempts=5)
async def leave_effect_async(label: str) -> None:
    """Write one row to the ledger from a coroutine."""
    await Effect.objects.acreate(label=label, pid=os.getpid())


@job(max_attempts=5)
def take_time(label: str, seconds: float) -> None:
    """Work for a while, then write one row to the ledger."""
    time.sleep(seconds)
    _effect(label)


@job
async def take_time_async(seconds: float) -> str:
    """Wait for a while on the event loop."""
    await asyncio.sleep(seconds)
    return "awake"


@job(max_attempts=3)
def wait_at_gate(label: str) -> str:
    """Write "<label>: begun", wait until somebody opens the gate, write "<label>: ended"."""
    _effect(f"{label}: begun")
    _wait_at(label)
    _effect(f"{label}: ended")
    return f"ended in {os.getpid()}"


@job(max_attempts=3, backoff=0)
def flaky(label: str, failures: int) -> None:
    """Fail so many times, then write one row to the ledger."""
    _effect(f"{label}: tried")
    if Effect.objects.filter(label=f"{label}: tried").count() <= failures:
        raise ValueError(f"{label} is not ready")
    _effect(label)


@job
def fail(message: str) -> None:
    """Fail with a message."""
    raise ValueError(message)


@job(max_attempts=2)
def ask_to_retry(delay: float) -> None:
    """Ask for another attempt."""
    raise Retry(timedelta(seconds=delay))


@job
def ask_to_snooze(label: str, delay: float) -> None:
    """Ask to be run later, the first time."""
    if not Effect.objects.filter(label=label).exists():
        _effect(label)
        raise Snooze(delay)


@job
def ask_to_cancel(reason: str) -> None:
    """Give up on purpose."""
    raise Cancel(reason)


@job(max_attempts=2, backoff=0)
def kill_own_process(label: str) -> None:
    """Kill the process that runs it, every time."""
    _effect(label)
    os.kill(os.getpid(), signal.SIGKILL)


@job
def cancel_itself_from_outside() -> None:
    """Cancel all jobs of this function that run, as somebody else would."""
    Job.objects.running().filter(name__endswith="cancel_itself_from_outside").cancel()


@job
def call_exit() -> None:
    """End the interpreter, or try to."""
    sys.exit(7)


@job
def make_a_mess() -> None:
    """Leave behind everything that a job can leave behind in its thread."""
    translation.activate("de")
    timezone.activate("Asia/Tokyo")
    transaction.atomic().__enter__()
    Effect.objects.create(label="never committed", pid=os.getpid())


@job
def describe_thread() -> dict[str, Any]:
    """Return what a job sees of the one before it."""
    return {
        "language": translation.get_language(),
        "time_zone": timezone.get_current_timezone_name(),
        "in_atomic_block": connection.in_atomic_block,
        "autocommit": connection.get_autocommit(),
        "thread": threading.current_thread().name,
        "uncommitted": Effect.objects.filter(label="never committed").count(),
    }


@job
def break_transaction() -> None:
    """Leave an aborted transaction behind."""
    with connection.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("SELECT 1 / 0")


@job
def return_unstorable() -> Any:
    """Return what no JSON can hold."""
    return {"a": {1, 2, 3}}


@job
def raise_with_nul() -> None:
    """Fail with a message that PostgreSQL cannot store."""
    raise ValueError("a NUL \x00 and half a pair \ud800")


@job
def raise_unprintable() -> None:
    """Fail with an error that cannot be turned into text."""

    class Unprintable(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no text for you")

    raise Unprintable


@job
async def read_gate_async(name: str) -> bool:
    """Look at the database from a coroutine, by a sync function in a thread."""
    return await sync_to_async(Gate.objects.filter(name=name).exists)()


@job
async def name_of_async(gate: Gate) -> str:
    """Return the name of a model instance."""
    return gate.name


@job(timeout=0.2)
async def run_too_long() -> None:
    """Run longer than its limit."""
    await asyncio.sleep(PATIENCE)


def _effect(label: str) -> None:
    Effect.objects.create(label=label, pid=os.getpid())


def _wait_at(name: str) -> None:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        if Gate.objects.filter(name=name).exists():
            return
        time.sleep(0.02)
    raise TimeoutError(f"Nobody opened the gate {name!r}.")
