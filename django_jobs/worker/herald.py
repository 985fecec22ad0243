"""Tells the project's receivers what a worker has done, in a thread of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from functools import partial
from queue import SimpleQueue

from django.db import connections
from django.dispatch import Signal

from django_jobs import signals
from django_jobs.engine import row_of
from django_jobs.housekeeping import clean_connections, expect_jobs, refresh_connections
from django_jobs.outcomes import Cancelled, Claimed, Failed, Finished, Succeeded
from django_jobs.registry import find

#: Seconds that receivers get to hear what is left when the worker ends.
LAST_WORDS = 5.0


class Herald:
    """Sends signals in the order of what they tell. Receivers, however slow, hold up no job.

    Where nobody listens nothing is made, and no thread is started.
    """

    def __init__(self, using: str) -> None:
        self._using = using
        self._calls: SimpleQueue[Callable[[], object] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None

    def begun(self, job: Claimed) -> None:
        """Tell that a job has begun."""
        if signals.job_started.receivers:
            self._tell(partial(self._send, signals.job_started, job))

    def ended(self, finished: Iterable[Finished]) -> None:
        """Tell of runs whose ends are recorded."""
        for ended in finished:
            job, outcome = ended.job, ended.outcome
            match outcome:
                case Succeeded() if signals.job_succeeded.receivers:
                    call = partial(self._send, signals.job_succeeded, job, duration=ended.elapsed)
                case Failed(delay=None) if signals.job_failed.receivers:
                    call = partial(self._send, signals.job_failed, job, fault=outcome.fault)
                case Failed() if outcome.delay is not None and signals.job_retrying.receivers:
                    call = partial(
                        self._send, signals.job_retrying, job,
                        fault=outcome.fault, delay=outcome.delay,
                    )  # fmt: skip
                case Cancelled() if signals.job_cancelled.receivers:
                    call = partial(self._send, signals.job_cancelled, job, reason=outcome.reason)
                case _:
                    continue
            self._tell(call)

    def close(self) -> None:
        """Wait until all is told, for a while at most."""
        if self._thread is not None:
            self._calls.put(None)
            self._thread.join(LAST_WORDS)

    @property
    def is_listened_to(self) -> bool:
        """Return whether anybody wants to hear how runs end."""
        return bool(
            signals.job_succeeded.receivers
            or signals.job_failed.receivers
            or signals.job_retrying.receivers
            or signals.job_cancelled.receivers
        )

    def _tell(self, call: Callable[[], object]) -> None:
        self._calls.put(call)
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="job-herald", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        expect_jobs()
        while True:
            since = time.monotonic()
            call = self._calls.get()
            if call is None:
                break
            refresh_connections(time.monotonic() - since)
            call()
            clean_connections()
        connections.close_all()

    def _send(self, signal: Signal, job: Claimed, **told: object) -> None:
        definition = find(job.name)
        sender = None if definition is None else definition.func
        signal.send_robust(sender=sender, job=row_of(job, self._using), **told)
