"""The jobs that the benchmarks enqueue."""

import asyncio

from django_jobs import JobContext, job

#: Seconds that a job waits which waits.
WAIT = 0.02


@job
def count(number: int) -> None:
    """Take a number, and do nothing."""


@job(timeout=30)
def ask(context: JobContext) -> None:
    """Look at the time that is left, and do nothing."""
    context.check()


@job(executor="process")
def leave_home() -> None:
    """Do nothing, in a process."""


@job
async def wait() -> None:
    """Wait for a moment."""
    await asyncio.sleep(WAIT)
