"""What a worker has finished, counted until somebody writes it down."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field

from django_jobs.histogram import PLACES, place_of
from django_jobs.outcomes import Cancelled, Expired, Failed, Finished, Outcome, Succeeded

#: The ends that are counted. An attempt that failed and is made again counts as retried.
ENDS = ("succeeded", "failed", "cancelled", "retried")
_SUCCEEDED, _FAILED, _CANCELLED, _RETRIED = range(len(ENDS))
_PLAIN = {Succeeded: _SUCCEEDED, Cancelled: _CANCELLED, Expired: _CANCELLED}


@dataclass(slots=True)
class Tally:
    """The ends in one queue: how many of each kind, and how long they had waited and run."""

    ends: list[int] = field(default_factory=lambda: [0] * len(ENDS))
    waits: list[int] = field(default_factory=lambda: [0] * PLACES)
    runs: list[int] = field(default_factory=lambda: [0] * PLACES)

    def add(self, other: Tally) -> None:
        """Count what another has counted."""
        self.ends = [a + b for a, b in zip(self.ends, other.ends, strict=True)]
        self.waits = [a + b for a, b in zip(self.waits, other.waits, strict=True)]
        self.runs = [a + b for a, b in zip(self.runs, other.runs, strict=True)]


class Chronicle:
    """Counts the ends of runs, by queue. May be used from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tallies: dict[str, Tally] = {}

    def __bool__(self) -> bool:
        return bool(self._tallies)

    def count(self, finished: Iterable[Finished]) -> None:
        """Count runs that have ended; what goes on later, at no charge, has not."""
        with self._lock:
            for ended in finished:
                kind = _kind(ended.outcome)
                job = ended.job
                if kind is None or not job.queue:
                    continue
                tally = self._tallies.get(job.queue)
                if tally is None:
                    tally = self._tallies[job.queue] = Tally()
                tally.ends[kind] += 1
                if type(ended.outcome) is not Expired:  # which never began
                    tally.runs[place_of(ended.elapsed)] += 1
                    tally.waits[place_of(ended.ended - ended.elapsed - job.due)] += 1

    def count_rescued(self, queue: str, state: str) -> None:
        """Count a job that was taken back from a dead worker, if that was its end."""
        if state in ENDS:
            with self._lock:
                self._tallies.setdefault(queue, Tally()).ends[ENDS.index(state)] += 1

    def take(self) -> dict[str, Tally]:
        """Return and forget what has been counted."""
        with self._lock:
            taken, self._tallies = self._tallies, {}
        return taken

    def put_back(self, taken: dict[str, Tally]) -> None:
        """Count again what could not be written."""
        with self._lock:
            for queue, tally in taken.items():
                self._tallies.setdefault(queue, Tally()).add(tally)


def _kind(outcome: Outcome) -> int | None:
    if type(outcome) is Failed:
        return _FAILED if outcome.delay is None else _RETRIED
    return _PLAIN.get(type(outcome))
