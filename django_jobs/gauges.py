"""What a worker tells of itself in memory that outlives it."""

from __future__ import annotations

from collections.abc import Iterable
from multiprocessing import get_context
from typing import Any

#: Spawn, not fork: threads, sockets and locks of the parent stay with the parent.
CONTEXT = get_context("spawn")

_NAMES = ("worker", "is_idle", "processed", "succeeded", "retried", "failed", "running")


class Gauges:
    """Seven numbers: the worker's id, whether it has nothing to do, and what it has done."""

    worker: int
    is_idle: int
    processed: int
    succeeded: int
    retried: int
    failed: int
    running: int

    def __init__(self, cells: Any = None) -> None:
        """``cells`` in shared memory let another process read them."""
        object.__setattr__(self, "_cells", [0] * len(_NAMES) if cells is None else cells)

    @classmethod
    def shared(cls) -> Gauges:
        """Return gauges that processes share."""
        return cls(CONTEXT.RawArray("q", len(_NAMES)))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._cells,)

    def __getattr__(self, name: str) -> int:
        if name not in _NAMES:
            raise AttributeError(name)
        value: int = self.__dict__["_cells"][_NAMES.index(name)]
        return value

    def __setattr__(self, name: str, value: int) -> None:
        self.__dict__["_cells"][_NAMES.index(name)] = int(value)


class FlightRecorder:
    """Which jobs have begun and are not recorded as ended, for whoever finds the worker dead.

    A store into shared memory costs next to nothing and survives SIGKILL: with it a worker's death
    is charged to the jobs that ran, and not to their neighbours that waited.
    """

    def __init__(self, cells: Any) -> None:
        self._cells = cells
        self._free = list(range(len(cells)))
        self._places: dict[int, int] = {}

    @classmethod
    def shared(cls, places: int) -> FlightRecorder:
        """Return a recorder that processes share, for so many jobs at once."""
        return cls(CONTEXT.RawArray("q", places))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._cells,)

    @property
    def places(self) -> int:
        """Return how many jobs it can follow at once."""
        return len(self._cells)

    def expect(self, jobs: Iterable[int]) -> None:
        """Give jobs that are about to run a place."""
        for job in jobs:
            if self._free:
                self._places[job] = self._free.pop()

    def begin(self, job: int) -> None:
        """Note that a job begins."""
        place = self._places.get(job)
        if place is not None:
            self._cells[place] = job

    def returned(self, job: int) -> None:
        """Note that a job has returned, and returned nothing."""
        place = self._places.get(job)
        if place is not None:
            self._cells[place] = -job

    def forget(self, jobs: Iterable[int]) -> None:
        """Clear what is recorded elsewhere by now."""
        for job in jobs:
            place = self._places.pop(job, None)
            if place is not None:
                self._cells[place] = 0
                self._free.append(place)

    def read(self) -> tuple[list[int], list[int]]:
        """Return the jobs that have begun and not returned, and those that have returned."""
        cells = list(self._cells)
        return [job for job in cells if job > 0], [-job for job in cells if job < 0]
