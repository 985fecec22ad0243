"""How many jobs may still be run, shared by all the workers of one command."""

from __future__ import annotations

from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any


class Budget:
    """Counts down to nothing, exactly: what is claimed is taken first, what is not is given back.

    ``counter`` has a ``value`` and, where processes share it, a ``get_lock()``.
    """

    def __init__(self, counter: Any = None) -> None:
        self._counter = counter

    @classmethod
    def of(cls, jobs: int | None) -> Budget:
        """Return a budget of ``jobs`` for this process alone; None for no end."""
        return cls(None if jobs is None else SimpleNamespace(value=jobs))

    def take(self, wanted: int) -> int:
        """Take up to ``wanted`` and return how many were left to take."""
        if self._counter is None:
            return wanted
        with self._lock():
            taken: int = max(0, min(wanted, self._counter.value))
            self._counter.value -= taken
        return taken

    def give_back(self, count: int) -> None:
        """Give back what was taken and not used."""
        if self._counter is not None and count:
            with self._lock():
                self._counter.value += count

    @property
    def is_spent(self) -> bool:
        """Return whether nothing is left."""
        return self._counter is not None and self._counter.value <= 0

    def _lock(self) -> Any:
        return self._counter.get_lock() if hasattr(self._counter, "get_lock") else nullcontext()
