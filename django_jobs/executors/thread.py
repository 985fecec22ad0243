"""Runs plain functions in threads of this process."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

from django.db import connections

from django_jobs.capabilities import EXECUTORS
from django_jobs.execution import perform
from django_jobs.executors.base import Executor, Watcher
from django_jobs.housekeeping import clean_connections_after, expect_jobs, refresh_connections
from django_jobs.judgement import Policy
from django_jobs.outcomes import Claimed


class ThreadExecutor(Executor):
    """Threads that help themselves to the waiting jobs, so none waits behind a slow neighbour.

    A job that is not wanted any more hears of it when it asks its context.
    """

    capabilities = EXECUTORS["thread"]

    def __init__(
        self,
        size: int,
        policy: Policy,
        watcher: Watcher,
    ) -> None:
        super().__init__(size, policy, watcher)
        self._changed = threading.Condition()
        self._threads = 0
        self._resting = 0
        self._stopping = False

    def submit(self, jobs: Sequence[Claimed]) -> None:
        """Run jobs, in this order, as threads get free; start threads while there are too few."""
        self._waiting.extend(jobs)
        with self._changed:
            # Those that rest may have been called already, for jobs that still wait here.
            missing = min(len(self._waiting) - self._resting, self.size - self._threads)
            self._changed.notify(len(jobs))
            for _ in range(missing):
                self._threads += 1
                # Daemons: a job that never ends must not keep a stopped worker alive.
                threading.Thread(
                    target=self._work, name=f"job-{self._threads}", daemon=True
                ).start()

    def stop(self) -> None:
        """Run nothing more. Python cannot stop a thread: what runs goes on, unheard."""
        self._stopping = True
        self.withdraw()
        with self._changed:
            self._changed.notify_all()

    def _work(self) -> None:
        expect_jobs()
        try:
            while (job := self._next()) is not None:
                self._watcher.begun(job)
                finished = perform(job, self._policy, self._watcher)
                clean_connections_after(job.id)
                self._hand_over(finished)
        finally:
            connections.close_all()

    def _next(self) -> Claimed | None:
        try:
            return self._waiting.popleft()
        except IndexError:
            return self._rest()

    def _rest(self) -> Claimed | None:
        since = time.monotonic()
        with self._changed:
            self._resting += 1
            try:
                while not self._waiting and not self._stopping:
                    self._changed.wait()
            finally:
                self._resting -= 1
        if self._stopping:
            return None
        refresh_connections(time.monotonic() - since)
        return self._next()
