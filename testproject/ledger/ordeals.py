"""What only a process of its own survives, or what it can do: its names are ``process.…``."""

from __future__ import annotations

import asyncio
import ctypes
import os
import resource
import signal
import time

from django_jobs import JobContext
from testproject.ledger.models import Effect
from testproject.ledger.trials import PATIENCE, check, sleep, trial


@trial("process", timeout=0.3, max_attempts=2, backoff=7)
def swallow_timeout() -> None:
    """Catch whatever is raised, and go on."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        try:
            sleep(PATIENCE)
        except Exception:  # noqa: S112 - what it is about
            continue


@trial("process", timeout=1, max_attempts=2, backoff=7)
def spin_in_c() -> None:
    """Hold the interpreter's lock in C for longer than anybody wants to wait."""
    sum(range(10**15))


@trial("process", timeout=0.3, max_attempts=2, backoff=7)
async def sleep_too_long_in_process(seconds: float) -> None:
    """Sleep past the timeout, on an event loop of its own."""
    await asyncio.sleep(seconds)


@trial("process")
def return_pid() -> int:
    """Return the process it ran in."""
    return os.getpid()


@trial("process")
def handle_signals_itself() -> None:
    """Take over the signals that end runs."""
    signal.signal(signal.SIGALRM, signal.SIG_IGN)
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)


@trial("process")
def clean_up_when_stopped(label: str, context: JobContext) -> None:
    """Wait for very long, and leave an effect when that is ended in good order."""
    context.log("begun")
    try:
        sleep(PATIENCE)
    finally:
        Effect.objects.create(label=label, pid=os.getpid())


@trial("process")
def tell_and_wait(line: str, context: JobContext) -> None:
    """Tell one line, and ask the context again and again, until it says stop."""
    context.log(line)
    check(context)


@trial("process", memory_limit=400 * 2**20, max_attempts=2, backoff=7)
def eat_memory_unbounded(megabytes: int) -> None:
    """Lift the kernel's limit of this process, and take so much memory."""
    resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    eaten = [bytearray(2**20) for _ in range(megabytes)]
    sleep(PATIENCE)
    del eaten


@trial("process")
def keep_memory(megabytes: int) -> int:
    """Keep memory for as long as the process lives, and return the process."""
    _kept.append(bytearray(megabytes * 2**20))
    return os.getpid()


_kept: list[bytearray] = []


@trial("process", max_attempts=2, backoff=7)
def die(how: str) -> None:
    """End the process that it runs in."""
    if how == "exit":
        os._exit(9)
    if how == "segfault":
        ctypes.string_at(0)
    os.kill(os.getpid(), signal.Signals[how])
    sleep(PATIENCE)


@trial("process", memory_limit=400 * 2**20, max_attempts=2, backoff=7)
def eat_memory(megabytes: int) -> int:
    """Take so much memory, and return how much it was."""
    eaten = bytearray(megabytes * 2**20)
    return len(eaten)
