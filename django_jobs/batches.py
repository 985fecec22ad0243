"""Many jobs on their way into the database."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from functools import cached_property
from typing import overload

from django_jobs.prepared import NO_COLUMNS, Frame, NewJob
from django_jobs.registry import awaited
from django_jobs.specs import JobSpec

#: Columns that COPY is always given.
_ALWAYS = {"queue", "name", "args", "kwargs"}


def _gives(frame: Frame, name: str) -> bool:
    if name == "remembered":  # a frame may be older than who depends on its function
        return frame.definition.name in awaited()
    return getattr(frame, name) is not None


class NewJobs(Sequence[NewJob]):
    """The jobs that specs describe, each checked and encoded when it is looked at.

    Many thousands are streamed to the database one by one, and never all in memory at once.
    """

    def __init__(self, specs: Sequence[JobSpec]) -> None:
        self._specs = specs

    def __len__(self) -> int:
        return len(self._specs)

    @overload
    def __getitem__(self, index: int) -> NewJob: ...

    @overload
    def __getitem__(self, index: slice) -> NewJobs: ...

    def __getitem__(self, index: int | slice) -> NewJob | NewJobs:
        if isinstance(index, slice):
            return NewJobs(self._specs[index])
        return self._specs[index].prepare()

    def __iter__(self) -> Iterator[NewJob]:
        return map(JobSpec.prepare, self._specs)

    @cached_property
    def frames(self) -> Collection[Frame]:
        """Return what the jobs have in common: mostly one frame for all of them."""
        return {id(frame): frame for frame in map(JobSpec.settle, self._specs)}.values()

    @property
    def queues(self) -> set[str]:
        """Return the names of the queues."""
        return {frame.queue for frame in self.frames}

    @property
    def is_keyed(self) -> bool:
        """Return whether any of the jobs has a unique key."""
        return any(frame.unique_key is not None for frame in self.frames)

    def given(self) -> list[str]:
        """Return the columns that any of the jobs gives a value of its own."""
        frames = self.frames
        return [
            name
            for name in NewJob._fields[:NO_COLUMNS]
            if name in _ALWAYS or any(_gives(frame, name) for frame in frames)
        ]

    @property
    def are_blocked(self) -> bool:
        """Return whether any of the jobs begins blocked."""
        return any(frame.blocked for frame in self.frames)

    @property
    def are_expiring(self) -> bool:
        """Return whether any of the jobs may expire."""
        return any(frame.expires_after is not None for frame in self.frames)

    @property
    def is_scheduled(self) -> bool:
        """Return whether any of the jobs says when it is due."""
        return any(frame.scheduled_at is not None for frame in self.frames)
