"""Which jobs have begun, in memory that outlives the process that wrote it."""

from __future__ import annotations

from collections.abc import Iterable
from multiprocessing import get_context
from typing import Any

#: Spawn, not fork: threads, sockets and locks of the parent stay with the parent.
CONTEXT = get_context("spawn")


class FlightRecorder:
    """Which jobs have begun and are not recorded as ended, for whoever finds the process dead.

    A store into shared memory costs next to nothing and survives SIGKILL: with it a worker's death
    is charged to the jobs that ran, and not to their neighbours that waited.
    """

    def __init__(self, cells: Any) -> None:
        self.cells = cells
        self._free = list(range(len(cells)))
        self._places: dict[int, int] = {}

    @classmethod
    def shared(cls, places: int) -> FlightRecorder:
        """Return a recorder that processes share, for so many jobs at once."""
        return cls(CONTEXT.RawArray("q", places))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.cells,)

    @property
    def places(self) -> int:
        """Return how many jobs it can follow at once."""
        return len(self.cells)

    def place_of(self, job: int) -> int:
        """Return where a job is noted that is expected; -1 where there was no place left."""
        return self._places.get(job, -1)

    def expect(self, jobs: Iterable[int]) -> None:
        """Give jobs that are about to run a place."""
        for job in jobs:
            if self._free:
                self._places[job] = self._free.pop()

    def begin(self, job: int) -> None:
        """Note that a job begins."""
        place = self._places.get(job)
        if place is not None and not self.cells[place]:
            # Otherwise its own process has noted it already, and perhaps that it has returned.
            self.cells[place] = job

    def returned(self, job: int) -> None:
        """Note that a job has returned, and returned nothing."""
        place = self._places.get(job)
        if place is not None:
            self.cells[place] = -job

    def forget(self, jobs: Iterable[int]) -> None:
        """Clear what is recorded elsewhere by now."""
        for job in jobs:
            place = self._places.pop(job, None)
            if place is not None:
                self.cells[place] = 0
                self._free.append(place)

    def read(self) -> tuple[list[int], list[int]]:
        """Return the jobs that have begun and not returned, and those that have returned."""
        cells = list(self.cells)
        return [job for job in cells if job > 0], [-job for job in cells if job < 0]
