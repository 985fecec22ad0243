"""The limits of a run in the main thread of a process of its own."""

from __future__ import annotations

import resource
import signal
import time
from types import FrameType
from typing import Any

from django_jobs.exceptions import Cancel, JobTimeout, MemoryLimitExceeded
from django_jobs.execution import Body
from django_jobs.judgement import Policy
from django_jobs.memory import address_space
from django_jobs.outcomes import Claimed

#: What the parent sends to have the running job stopped.
STOP = signal.SIGUSR1


class Guard:
    """Raises inside the job when its time or memory is used up, or it is not wanted any more.

    A signal may come late, when the job that it was meant for has ended: only the run that is armed
    can be hit, and only by what was meant for it.
    """

    def __init__(self, policy: Policy, asked: Any) -> None:
        """``asked`` is a cell in shared memory: the id of the job that shall stop."""
        self._policy, self._asked = policy, asked
        self._armed: Claimed | None = None
        self._deadline = float("inf")
        self._limit = 0.0
        self._listen()

    def _listen(self) -> None:
        # Before each run: the one before may have handled these signals itself.
        signal.signal(signal.SIGALRM, self._alarm)
        signal.signal(STOP, self._stop)

    def __call__(self, job: Claimed, body: Body) -> Any:
        """Run ``body`` under the limits of ``job``; raise JobTimeout, MemoryLimitExceeded, Cancel.

        As with every exception, the job may catch them: its parent then kills the process.
        """
        self._listen()
        self._limit = limit = self._policy.limit(job)
        self._deadline = time.monotonic() + limit if limit else float("inf")
        try:
            self._armed = job
            if limit:
                signal.setitimer(signal.ITIMER_REAL, limit)
            self._stop()
            return body() if job.memory_limit is None else within(job.memory_limit, body)
        finally:
            self._armed = None
            if limit:
                signal.setitimer(signal.ITIMER_REAL, 0)

    def _alarm(self, signum: int, frame: FrameType | None) -> None:
        if self._armed is not None and time.monotonic() >= self._deadline - 0.001:
            self._armed = None
            raise JobTimeout(self._limit)

    def _stop(self, signum: int = 0, frame: FrameType | None = None) -> None:
        if self._armed is not None and self._asked.value == self._armed.id:
            self._armed = None
            raise Cancel("It was cancelled while it ran.")


def within(limit: int, body: Body) -> Any:
    """Run ``body``, and raise MemoryLimitExceeded when the process would hold more than ``limit``.

    The kernel limits what a process maps, not what it holds: it may map as much more as is left
    between what it holds now and the limit.
    """
    before = address_space()
    if before is None:
        return body()
    mapped, held = before
    if held >= limit:
        raise MemoryLimitExceeded(limit, f"its process held {held:,} before the job began")
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    allowed = [mapped + limit - held, *(one for one in (soft, hard) if one >= 0)]
    resource.setrlimit(resource.RLIMIT_AS, (min(allowed), hard))
    try:
        return body()
    except MemoryError as error:
        # Before anything else is allocated.
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
        raise MemoryLimitExceeded(limit, "an allocation was refused") from error
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
