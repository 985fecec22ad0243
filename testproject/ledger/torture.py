"""Jobs to be killed at: each leaves one effect for each run that got so far.

Each has attempts to spare: a run that is killed is charged, and none of them may fail of that.
"""

from __future__ import annotations

import asyncio
import os
import time

from django_jobs import JobContext
from testproject.ledger.models import Effect
from testproject.ledger.trials import trial

#: More than any torture kills.
ATTEMPTS = 10_000
#: Seconds that coroutines which block their loop go on at most.
PATIENCE = 60.0


@trial(atomic=True, max_attempts=ATTEMPTS, backoff=0)
def leave_one_effect(seconds: float, context: JobContext) -> None:
    """Leave an effect in the transaction of the job, and go on for a while."""
    _leave_effect(context, "atomic")
    time.sleep(seconds)


@trial(max_attempts=ATTEMPTS, backoff=0)
def leave_an_effect(seconds: float, context: JobContext) -> None:
    """Leave an effect, and go on for a while, in which a death makes another run necessary."""
    _leave_effect(context, "plain")
    time.sleep(seconds)


@trial("asyncio", max_attempts=ATTEMPTS, backoff=0)
async def leave_an_effect_async(seconds: float, context: JobContext) -> None:
    """Leave an effect, and wait for a while."""
    await Effect.objects.acreate(job=context.id, label="asyncio", pid=os.getpid())
    await asyncio.sleep(seconds)


@trial(atomic=True, max_attempts=3, backoff=0)
def leave_one_effect_and_wait(gate: str, context: JobContext) -> None:
    """Leave an effect in the transaction of the job, say so outside of it, and wait at a file."""
    _leave_effect(context, gate)
    _announce_and_wait(gate)


@trial(max_attempts=3, backoff=0)
def leave_an_effect_and_wait(gate: str, context: JobContext) -> None:
    """Leave an effect, say so, and wait at a file: whoever is killed here has left it already."""
    _leave_effect(context, gate)
    _announce_and_wait(gate)


@trial("asyncio", timeout=0.5, max_attempts=2, backoff=0)
async def block_the_loop_once(context: JobContext) -> str:
    """Let nothing else run on the event loop, at the first attempt."""
    await Effect.objects.acreate(job=context.id, label="began", pid=os.getpid())
    if context.attempt == 1:
        time.sleep(PATIENCE)  # noqa: ASYNC251 - what it is about
    return f"ended in {os.getpid()}"


@trial("thread", timeout=0.5, max_attempts=2, backoff=0)
def ignore_the_timeout_once(context: JobContext) -> str:
    """Never ask the context whether time is over, at the first attempt."""
    _leave_effect(context, "began")
    if context.attempt == 1:
        time.sleep(PATIENCE)
    return f"ended in {os.getpid()}"


@trial(max_attempts=3)
def wait_at_file(gate: str) -> str:
    """Make a file that says it has begun, and wait until somebody makes another."""
    _announce_and_wait(gate)
    return f"ended in {os.getpid()}"


@trial("asyncio", max_attempts=3)
async def wait_at_file_async(gate: str) -> str:
    """Make a file that says it has begun, and wait until somebody makes another."""
    _announce(gate)
    until = time.monotonic() + PATIENCE
    while not os.path.exists(f"{gate}.open") and time.monotonic() < until:  # noqa: ASYNC110, ASYNC240
        await asyncio.sleep(0.01)
    return f"ended in {os.getpid()}"


@trial("process", timeout=PATIENCE, max_attempts=3)
def leave_an_effect_and_spin(label: str) -> None:
    """Leave an effect, and hold the interpreter's lock in C for longer than anybody waits."""
    Effect.objects.create(label=label, pid=os.getpid())
    sum(range(10**15))


def _leave_effect(context: JobContext, label: str) -> None:
    Effect.objects.create(job=context.id, label=label, pid=os.getpid())


def _announce_and_wait(gate: str) -> None:
    """Nothing of this is in any database: no transaction hides it, none undoes it."""
    _announce(gate)
    until = time.monotonic() + PATIENCE
    while not os.path.exists(f"{gate}.open") and time.monotonic() < until:
        time.sleep(0.01)


def _announce(gate: str) -> None:
    with open(f"{gate}.{os.getpid()}.{time.monotonic_ns()}.begun", "w"):
        pass
