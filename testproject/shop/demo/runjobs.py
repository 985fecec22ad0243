"""The worker command, as a process of its own on the same terminal."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from django.conf import settings

#: What is run, as it would be typed after `python manage.py`.
ARGUMENTS = ("runjobs", "--processes", "2", "--burst")

#: Added where there is no terminal for a live line: a log line for each of thousands of jobs would
#: bury the rest of the demo.
QUIET = ("--verbosity", "0")

#: How long the workers may take to stop when they are told to, in seconds.
GRACE = 30


def arguments() -> tuple[str, ...]:
    """Return what is run on this terminal, or without one."""
    return ARGUMENTS if sys.stdout.isatty() else ARGUMENTS + QUIET


@contextmanager
def runjobs() -> Iterator[subprocess.Popen[bytes]]:
    """Start `runjobs` and do not leave it behind."""
    process = subprocess.Popen(  # noqa: S603 - nothing in it comes from outside
        [sys.executable, "manage.py", *arguments()],
        cwd=settings.BASE_DIR,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": settings.SETTINGS_MODULE},
    )
    try:
        yield process
    finally:
        end(process)


def wait(process: subprocess.Popen[bytes], seconds: float) -> int:
    """Wait for the workers and return their exit code; stop them when the time is up."""
    with suppress(subprocess.TimeoutExpired):
        return process.wait(seconds)
    return end(process)


def end(process: subprocess.Popen[bytes]) -> int:
    """Stop the workers if they still run, and return their exit code."""
    if process.poll() is None:
        process.terminate()
    with suppress(subprocess.TimeoutExpired):
        return process.wait(GRACE)
    process.kill()
    return process.wait()
