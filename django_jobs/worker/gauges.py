"""What a worker tells of itself in memory that outlives it."""

from __future__ import annotations

from typing import Any

from django_jobs.recorder import CONTEXT

_NAMES = ("worker", "is_idle", "processed", "succeeded", "retried", "failed", "running", "beats")


class Gauges:
    """Eight numbers: the worker's id, whether it has nothing to do, what it has done, and how often
    its heart has beaten.
    """

    worker: int
    is_idle: int
    processed: int
    succeeded: int
    retried: int
    failed: int
    running: int
    beats: int

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
