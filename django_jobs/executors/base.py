"""What runs claimed jobs, several at once, and hands over how they ended."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Sequence
from typing import ClassVar, Protocol, TypeVar

from django_jobs.capabilities import Capabilities
from django_jobs.execution import Policy
from django_jobs.outcomes import Claimed, Finished

T = TypeVar("T")

#: Finished runs after which the worker is woken though there is more to run.
HANDOVER = 250


class Watcher(Protocol):
    """Who is told what an executor does, in the executor's own threads."""

    def begun(self, job: Claimed) -> None:
        """Hear that a job is about to run."""

    def ended(self, finished: Finished) -> None:
        """Hear how it ended, before anybody can collect it."""

    def expectant(self) -> None:
        """Hear that it is time to collect."""


class Executor(ABC):
    """Runs jobs in up to ``size`` places; knows nothing of the database."""

    #: What it supports; jobs that ask for more are refused when they are declared.
    capabilities: ClassVar[Capabilities]

    def __init__(
        self,
        size: int,
        policy: Policy,
        watcher: Watcher,
    ) -> None:
        self.size = size
        self._policy = policy
        self._watcher = watcher
        self._waiting: deque[Claimed] = deque()
        self._finished: deque[Finished] = deque()

    @abstractmethod
    def submit(self, jobs: Sequence[Claimed]) -> None:
        """Run jobs, in this order, as places get free."""

    @abstractmethod
    def stop(self) -> None:
        """Cancel what can be cancelled, and run nothing more. What is cancelled has no outcome."""

    def withdraw(self) -> list[Claimed]:
        """Take back the jobs that have not begun."""
        return _drained(self._waiting)

    def collect(self) -> list[Finished]:
        """Hand over the runs that have ended since the last time."""
        return _drained(self._finished)

    def _hand_over(self, finished: Finished) -> None:
        self._watcher.ended(finished)
        self._finished.append(finished)
        if not self._waiting or len(self._finished) >= HANDOVER:
            self._watcher.expectant()


def _drained(queue: deque[T]) -> list[T]:
    taken = []
    while True:
        try:
            taken.append(queue.popleft())  # atomic: other threads take and give meanwhile
        except IndexError:
            return taken
