"""What running jobs tell of themselves, until somebody writes it down."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

from django_jobs.outcomes import Claimed

#: Lines of a log that are kept, the newest.
KEPT_LINES = 200


class Notes(NamedTuple):
    """What one claimed job has told since the last time."""

    job: Claimed
    #: The latest; None where it told none.
    progress: Mapping[str, Any] | None
    lines: list[Any]


class Notebook:
    """Keeps the latest progress of each job and its new lines. May be used from any thread.

    Jobs may tell as often as they like: what is written is what they told last, a few times a
    second, for all of them together.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._notes: dict[int, Notes] = {}

    def __bool__(self) -> bool:
        return bool(self._notes)

    def add(self, notes: Iterable[Notes]) -> None:
        """Add what jobs have told."""
        with self._lock:
            for job, progress, lines in notes:
                known = self._notes.get(job.id)
                if known is None or known.job.claims != job.claims:
                    known = Notes(job, None, [])
                kept = [*known.lines, *lines][-KEPT_LINES:]
                self._notes[job.id] = Notes(job, progress or known.progress, kept)

    def put_back(self, notes: Iterable[Notes]) -> None:
        """Add what could not be written, as older than what has been told meanwhile."""
        with self._lock:
            newer, self._notes = self._notes, {}
        self.add(notes)
        self.add(newer.values())

    def take(self, jobs: Collection[int] | None = None) -> list[Notes]:
        """Return and forget what has been told, by all jobs or by these."""
        with self._lock:
            if jobs is None:
                taken, self._notes = self._notes, {}
                return list(taken.values())
            return [self._notes.pop(job) for job in jobs if job in self._notes]
