"""A schedule that is due: which of its ticks make jobs, and when the next one comes."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from django.db import transaction

from django_jobs import conf
from django_jobs.prepared import Origin
from django_jobs.scheduling import Missed, spec_of
from django_jobs.specs import JobSpec
from django_jobs.timetable import Timetable

#: How late a tick may be found and still be made a job of, where missed ones are skipped.
GRACE = timedelta(minutes=1)
#: Ticks of one schedule that are made up for at once, where all are: the newest.
MOST_MADE_UP = 1000

# Seconds, not timestamps: what these come back as depends on the project's settings.
COLUMNS = """id, name, function, args::text, kwargs::text, queue, priority, cron,
    extract(epoch FROM every)::float8, timezone, missed, overlap, last_job_id,
    extract(epoch FROM start_at)::float8, extract(epoch FROM end_at)::float8,
    extract(epoch FROM created_at)::float8, extract(epoch FROM counts_from)::float8,
    extract(epoch FROM last_tick)::float8, extract(epoch FROM next_tick)::float8"""


class Due(NamedTuple):
    """A schedule in our hands. Times are seconds since 1970, by the database's clock."""

    now: float
    id: int
    name: str
    function: str
    args: str
    kwargs: str
    queue: str | None
    priority: int | None
    cron: str | None
    every: float | None
    timezone: str
    missed: str
    overlap: str
    last_job: int | None
    start: float | None
    end: float | None
    created: float
    counts_from: float
    last_tick: float | None
    next_tick: float | None

    @property
    def timetable(self) -> Timetable:
        """Return when its ticks come."""
        return Timetable(
            self.cron,
            None if self.every is None else timedelta(seconds=self.every),
            self.timezone or conf.time_zone(),
            _moment(self.created),
            None if self.start is None else _moment(self.start),
            None if self.end is None else _moment(self.end),
        )

    def spec(self) -> JobSpec:
        """Return what it enqueues, or raise what is wrong with it."""
        return spec_of(self.function, self.args, self.kwargs, self.queue, self.priority)


@dataclass
class Move:
    """What becomes of one due schedule."""

    due: Due
    ticks: list[datetime] = field(default_factory=list)
    last_tick: float | None = None
    next_tick: float | None = None
    specs: list[JobSpec] = field(default_factory=list)
    job: int | None = None
    note: str | None = None


def plan(due: Due, running: int | None, using: str) -> Move:
    """Return what becomes of a schedule; ``running`` is its last job, if that is in the way."""
    table, now = due.timetable, _moment(due.now)
    move = Move(due, last_tick=due.last_tick)
    if due.next_tick is None:
        since = due.counts_from if due.last_tick is None else max(due.last_tick, due.counts_from)
        first = table.after(_moment(since))
    else:
        first = _moment(due.next_tick)
    if first is None or first > now:
        move.next_tick = None if first is None else first.timestamp()
        return move
    ticks = table.newest(first, now, MOST_MADE_UP if due.missed == Missed.ALL else 1)
    following = table.after(ticks[-1])
    move.last_tick = ticks[-1].timestamp()
    move.next_tick = None if following is None else following.timestamp()
    if due.missed == Missed.SKIP and now - ticks[-1] > GRACE:
        move.note = f"The tick of {ticks[-1]:%Y-%m-%d %H:%M:%S} UTC was missed."
    elif running is not None:
        move.note = (
            f"The tick of {ticks[-1]:%Y-%m-%d %H:%M:%S} UTC was skipped: job #{running} had not "
            f"ended."
        )
    else:
        # What has to be read for it may fail, and must not fail the others.
        with (
            transaction.atomic(using=using) if '"$model' in due.args + due.kwargs else nullcontext()
        ):
            spec = due.spec()
        move.specs = [spec.coming_from(Origin(schedule_id=due.id, tick=tick)) for tick in ticks]
        move.specs[0].prepare()  # raises what is wrong with it, before it is among others
    return move


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
