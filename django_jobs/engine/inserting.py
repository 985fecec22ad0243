"""INSERT of a few jobs: one statement, one round trip."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

from django_jobs.engine.sql import JOB, fetch, fetch_one, states
from django_jobs.prepared import NO_COLUMNS, NewJob
from django_jobs.states import LIVE, State

_CASTS = {"args": "::jsonb", "kwargs": "::jsonb", "meta": "::jsonb"}
_FIELDS = NewJob._fields[:NO_COLUMNS]
_BLOCKED = f"'{State.BLOCKED}'"
#: Where a shape tells of what is no column.
_BLOCKED_AT, _EXPIRES_AT = -2, -1
_SCHEDULED = {
    # Due already means ready, by the clock of the database.
    datetime: (
        f"CASE WHEN %s > statement_timestamp() THEN '{State.SCHEDULED}' ELSE '{State.READY}' END",
        "%s",
    ),
    timedelta: (
        f"CASE WHEN %s > interval '0' THEN '{State.SCHEDULED}' ELSE '{State.READY}' END",
        "statement_timestamp() + %s",
    ),
}


class Inserted(NamedTuple):
    """What the database decided about a new row; None is not known here, and fetched when asked."""

    id: int
    unique_key: str | None = None
    state: str | None = None
    scheduled_at: datetime | None = None

    def as_columns(self) -> dict[str, Any]:
        """Return the columns that are known."""
        if self.state is None:
            return {"id": self.id}
        return {"id": self.id, "state": self.state, "scheduled_at": self.scheduled_at}


def insert_one(job: NewJob, *, using: str) -> Inserted:
    """Insert one job that has no unique key."""
    return Inserted(*fetch_one(using, _statement((_shape(job),), False, False), _params(job)))


def insert(
    new: Sequence[NewJob],
    *,
    ids: Sequence[int] | None = None,
    on_conflict: bool = False,
    using: str,
) -> list[Inserted]:
    """Insert jobs by one statement; with ``on_conflict`` skip those whose key is held."""
    shapes = []
    params: list[Any] = []
    for position, job in enumerate(new):
        if ids is not None:
            params.append(ids[position])
        params += _params(job)
        shapes.append(_shape(job))
    sql = _statement(tuple(shapes), ids is not None, on_conflict)
    return [Inserted(*row) for row in fetch(using, sql, params)]


def _params(job: NewJob) -> list[Any]:
    params: list[Any] = [value for value in job[:NO_COLUMNS] if value is not None]
    if job.scheduled_at is not None:
        params += (job.scheduled_at,) if job.blocked else (job.scheduled_at, job.scheduled_at)
    if job.expires_after is not None:
        params += () if job.scheduled_at is None else (job.scheduled_at,)
        params.append(job.expires_after)
    return params


def _shape(job: NewJob) -> tuple[Any, ...]:
    scheduled_at = job.scheduled_at
    kind = None if scheduled_at is None else datetime
    if isinstance(scheduled_at, timedelta):
        kind = timedelta  # type: ignore[assignment]
    return (kind, *[value is not None for value in job[:-1]])


@lru_cache(maxsize=512)
def _statement(shapes: tuple[tuple[Any, ...], ...], with_ids: bool, on_conflict: bool) -> str:
    """Return the INSERT for rows of these shapes; columns that no row gives are left out."""
    given = [
        field
        for position, field in enumerate(_FIELDS, start=1)
        if any(shape[position] for shape in shapes)
    ]
    scheduled = any(shape[0] or shape[_BLOCKED_AT] for shape in shapes)
    expiring = any(shape[_EXPIRES_AT] for shape in shapes)
    columns = ["id"] * with_ids + given + ["state", "scheduled_at"] * scheduled
    columns += ["expires_at"] * expiring
    rows = ", ".join(_values(shape, given, with_ids, scheduled, expiring) for shape in shapes)
    conflict = (
        f"ON CONFLICT (unique_key) WHERE unique_key IS NOT NULL AND state IN {states(LIVE)} "
        f"DO NOTHING"
    )
    return (
        f"INSERT INTO {JOB} ({', '.join(columns)}) VALUES {rows} "  # noqa: S608 - names of columns
        f"{conflict if on_conflict else ''} "
        # Each timestamp costs the caller more than the rest of the answer.
        f"RETURNING id{', unique_key' if on_conflict or scheduled else ''}"
        f"{', state, scheduled_at' if scheduled else ''}"
    )


def _values(
    shape: tuple[Any, ...], given: list[str], with_ids: bool, scheduled: bool, expiring: bool
) -> str:
    present = dict(zip(_FIELDS, shape[1:], strict=False))
    values = ["%s"] * with_ids
    values += [f"%s{_CASTS.get(name, '')}" if present[name] else "DEFAULT" for name in given]
    if scheduled:
        state, due = _SCHEDULED[shape[0]] if shape[0] else ("DEFAULT", "DEFAULT")
        values += (_BLOCKED if shape[_BLOCKED_AT] else state, due)
    if expiring:
        due = _SCHEDULED[shape[0]][1] if shape[0] else "statement_timestamp()"
        values.append(f"{due} + %s" if shape[_EXPIRES_AT] else "DEFAULT")
    return f"({', '.join(values)})"
