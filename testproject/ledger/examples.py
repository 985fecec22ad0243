"""Jobs of the documents this project started from, as far as worker processes must import them."""

from __future__ import annotations

import os
import time

from django_jobs import job


@job(executor="process")
def my_hungry_task(name: str, megabytes: int = 0, seconds: float = 0) -> str:
    """Take memory and time, as much as told."""
    held = bytearray(megabytes * 1024 * 1024)
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        time.sleep(0.01)
    return f"Hello, {name}! {len(held)}"


@job(executor="process")
def my_synchronous_function() -> int:
    """Return the id of the process that runs it."""
    return os.getpid()
