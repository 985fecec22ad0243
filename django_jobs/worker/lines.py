"""Jobs that run one after the other in one worker, though they were claimed together."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Collection, Sequence

from django_jobs.outcomes import Claimed


class Lines:
    """Of each line the first job may run; the others wait for it to end.

    Told of ends by the threads of executors, and of the rest by the worker's own.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._first: dict[str, int] = {}
        self._waiting: dict[str, deque[Claimed]] = {}

    def admit(self, jobs: Sequence[Claimed]) -> list[Claimed]:
        """Return those of the jobs that may run; the others stand in line."""
        if not any(job.line for job in jobs):
            return list(jobs)
        admitted = []
        with self._lock:
            for job in jobs:
                if job.line in self._first:
                    self._waiting.setdefault(job.line, deque()).append(job)
                    continue
                if job.line:
                    self._first[job.line] = job.id
                admitted.append(job)
        return admitted

    def follow(self, job: Claimed) -> Claimed | None:
        """Return who comes after a job that is the first of its line, which is over."""
        with self._lock:
            if self._first.get(job.line) != job.id:
                return None
            waiting = self._waiting.get(job.line)
            if waiting:
                following = waiting.popleft()
                self._first[job.line] = following.id
                return following
            self._waiting.pop(job.line, None)
            del self._first[job.line]
            return None

    def withdraw(self, ids: Collection[int] | None = None) -> list[Claimed]:
        """Take back those that wait in line: these, or all."""
        withdrawn = []
        with self._lock:
            for line, waiting in self._waiting.items():
                kept = deque(job for job in waiting if ids is not None and job.id not in ids)
                if len(kept) < len(waiting):
                    withdrawn += [job for job in waiting if ids is None or job.id in ids]
                    self._waiting[line] = kept
        return withdrawn
