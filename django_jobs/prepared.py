"""A job as the engine takes it: checked, and encoded."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django_jobs.definitions import Definition
from django_jobs.options import UniqueKey


class Origin(NamedTuple):
    """Where a job comes from, where nobody who enqueues can say it. None means nowhere."""

    #: The job that makes it.
    parent_id: int | None = None
    #: The schedule whose tick makes it.
    schedule_id: int | None = None
    #: That tick.
    tick: datetime | None = None
    #: The step of a workflow that it is part of.
    step_id: int | None = None
    #: True where others wait for its end.
    unsettled: bool | None = None
    #: True where it waits for others, and is blocked until they have ended.
    blocked: bool | None = None


class NewJob(NamedTuple):
    """One checked and encoded job, as the engine inserts it. None means the column's default."""

    queue: str
    name: str
    args: str | None = None
    kwargs: str | None = None
    priority: int | None = None
    max_attempts: int | None = None
    unique_key: str | None = None
    timeout: timedelta | None = None
    memory_limit: int | None = None
    meta: str | None = None
    lane: str | None = None
    units: int | None = None
    concurrency_key: str | None = None
    #: True where others look for it by its arguments.
    remembered: bool | None = None
    parent_id: int | None = None
    schedule_id: int | None = None
    tick: datetime | None = None
    step_id: int | None = None
    unsettled: bool | None = None
    # No columns, but what columns are worked out from, in this order:
    #: Whether it begins blocked.
    blocked: bool | None = None
    #: How long after its time it may begin.
    expires_after: timedelta | None = None
    #: Last: the only one that the database may answer with another value.
    scheduled_at: datetime | timedelta | None = None

    def as_columns(self) -> dict[str, Any]:
        """Return the values of the columns, as a model instance holds them."""
        return {
            "queue": self.queue,
            "name": self.name,
            "args": json.loads(self.args) if self.args else [],
            "kwargs": json.loads(self.kwargs) if self.kwargs else {},
            "priority": self.priority or 0,
            "attempts": 0,
            "max_attempts": self.max_attempts or 1,
            "unique_key": self.unique_key,
            "timeout": self.timeout,
            "memory_limit": self.memory_limit,
            "meta": json.loads(self.meta) if self.meta else {},
            "started_at": None,
            "finished_at": None,
            "prune_at": None,
            "worker_id": None,
            "claims": 0,
            "reprieves": 0,
            "lane": self.lane or "",
            "concurrency_key": self.concurrency_key or "",
            "aged_at": None,
            "units": 1 if self.units is None else self.units,
            "parent_id": self.parent_id,
            "schedule_id": self.schedule_id,
            "tick": self.tick,
            "step_id": self.step_id,
            "unsettled": bool(self.unsettled),
            "remembered": bool(self.remembered),
            "ended_by": None,
            "errors": [],
            "result": None,
            "note": None,
            "fingerprint": None,
            "log": None,
            "progress": None,
            **({} if self.expires_after else {"expires_at": None}),
        }


#: The last fields, of which no column is made as they are.
NO_COLUMNS = NewJob._fields.index("blocked") - len(NewJob._fields)


class Frame(NamedTuple):
    """What a spec and all that differ from it in their arguments alone have in common."""

    definition: Definition
    queue: str
    priority: int | None
    max_attempts: int | None
    unique_key: UniqueKey | None
    timeout: timedelta | None
    memory_limit: int | None
    meta: str | None
    lane: str | None
    units: int | None
    concurrency_key: UniqueKey | None
    parent_id: int | None
    schedule_id: int | None
    tick: datetime | None
    step_id: int | None
    unsettled: bool | None
    blocked: bool | None
    expires_after: timedelta | None
    scheduled_at: datetime | timedelta | None
