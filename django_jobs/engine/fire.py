"""fire: what is due of the schedules becomes jobs.

No leader: whoever looks takes due schedules that nobody else has in hand, makes their jobs and
moves them on to their next tick, in one transaction. So a tick makes its job at most once, whoever
dies or sleeps in the middle of it; and the next tick is always later than the last, whatever the
clock does. What time it is the database says.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from django.db import InterfaceError, InternalError, OperationalError, transaction

from django_jobs.engine.due import COLUMNS, Due, Move, plan
from django_jobs.engine.enqueue import enqueue, ids_of
from django_jobs.engine.sql import JOB, SCHEDULE, change, fetch, states
from django_jobs.models import Job
from django_jobs.prepared import Origin
from django_jobs.scheduling import Overlap
from django_jobs.states import LIVE

#: Schedules that one transaction moves on.
BATCH = 1000
#: Seconds after which the server takes due schedules from somebody who was stopped with them in
#: hand.
LONGEST_FIRE = 5
#: Seconds until another look, where others have in hand what is due.
IN_OTHER_HANDS = 0.1

_TICKS = "is_enabled AND NOT is_over AND source <> 'withdrawn' AND id <> ALL(%s::bigint[])"

# The two ways in are two scans of one index.
_PEEK = f"""
SELECT extract(epoch FROM (
        SELECT next_tick FROM {SCHEDULE} WHERE {_TICKS} AND next_tick IS NOT NULL
        ORDER BY next_tick LIMIT 1
    ) - statement_timestamp())::float8,
    EXISTS (SELECT FROM {SCHEDULE} WHERE {_TICKS} AND next_tick IS NULL)
"""  # noqa: S608 - names of tables

# Ends with the transaction.
_SET = f"SELECT set_config('idle_in_transaction_session_timeout', '{LONGEST_FIRE}s', true)"

_DUE = f"""
SELECT extract(epoch FROM statement_timestamp())::float8, {COLUMNS} FROM {SCHEDULE}
WHERE {_TICKS} AND (next_tick <= statement_timestamp() OR next_tick IS NULL)
ORDER BY next_tick NULLS FIRST LIMIT %s FOR NO KEY UPDATE SKIP LOCKED
"""  # noqa: S608 - names of tables

_CHOSEN = f"""
SELECT extract(epoch FROM statement_timestamp())::float8, {COLUMNS} FROM {SCHEDULE}
WHERE id = ANY(%s::bigint[]) ORDER BY id FOR NO KEY UPDATE
"""  # noqa: S608 - names of tables

_LIVE = f"""
SELECT id FROM {JOB} WHERE id = ANY(%s::bigint[])
AND CASE WHEN state IN {states(LIVE)} THEN true ELSE false END
"""  # noqa: S608 - names of tables

_MOVE_ON = f"""
UPDATE {SCHEDULE} AS schedule
SET last_tick = to_timestamp(new.last_tick), next_tick = to_timestamp(new.next_tick),
    is_over = new.next_tick IS NULL, last_job_id = coalesce(new.job, schedule.last_job_id),
    note = new.note
FROM unnest(%s::bigint[], %s::float8[], %s::float8[], %s::bigint[], %s::text[])
    AS new (id, last_tick, next_tick, job, note)
WHERE schedule.id = new.id
"""  # noqa: S608 - names of tables

_NOTE = f"""
UPDATE {SCHEDULE} AS schedule SET note = new.note
FROM unnest(%s::bigint[], %s::text[]) AS new (id, note)
WHERE schedule.id = new.id AND schedule.note IS DISTINCT FROM new.note
"""  # noqa: S608 - names of tables

_RAN = f"""
UPDATE {SCHEDULE} AS schedule SET last_job_id = new.job
FROM unnest(%s::bigint[], %s::bigint[]) AS new (id, job) WHERE schedule.id = new.id
"""  # noqa: S608 - names of tables


class Remark(NamedTuple):
    """Something to be told about a schedule."""

    id: int
    name: str
    note: str


@dataclass
class Fired:
    """What was done."""

    jobs: list[Sequence[Job]] = field(default_factory=list)
    #: Schedules that cannot tick, as far as this process knows: they stay as they are.
    stuck: list[Remark] = field(default_factory=list)
    #: Ticks that have made no job, for a reason.
    skipped: list[Remark] = field(default_factory=list)
    #: Seconds until the next tick; None where there is none.
    wait: float | None = None
    #: Whether others have in hand what is due.
    is_contended: bool = False

    @property
    def count(self) -> int:
        """Return how many jobs were made."""
        return sum(map(len, self.jobs))


def fire(*, using: str, without: Collection[int] = (), batch: int = BATCH) -> Fired:
    """Make jobs of the schedules that are due, and move these on to their next tick.

    ``without`` are schedules to leave alone. Safe to run anywhere, at any time: what others have in
    hand is skipped.
    """
    fired = Fired()
    while True:
        left_out = [*without, *(one.id for one in fired.stuck)]
        ((wait, unplanned),) = fetch(using, _PEEK, (left_out, left_out))
        fired.wait = wait
        if not unplanned and (wait is None or wait > 0):
            return fired
        if not _fire(fired, left_out, batch, using):
            fired.wait, fired.is_contended = IN_OTHER_HANDS, True
            return fired


def fire_now(schedules: Collection[int], *, using: str) -> Sequence[Job]:
    """Make a job of each of these schedules, whatever the clock says; return the jobs.

    Their ticks come as ever. Raise UnknownJob, or what is wrong with the arguments.
    """
    with transaction.atomic(using=using):
        chosen = [Due._make(row) for row in fetch(using, _CHOSEN, (sorted(schedules),))]
        jobs = enqueue([one.spec().coming_from(Origin(schedule_id=one.id)) for one in chosen],
                       using=using)  # fmt: skip
        change(using, _RAN, ([one.id for one in chosen], ids_of(jobs)))
    return jobs


def _fire(fired: Fired, left_out: list[int], batch: int, using: str) -> int:
    """Move one batch on, and return how many schedules that were."""
    with transaction.atomic(using=using):
        fetch(using, _SET)
        found = [Due._make(row) for row in fetch(using, _DUE, (left_out, batch))]
        stuck: list[Remark] = []
        moves = _planned(found, stuck, using)
        jobs = _enqueue(moves, stuck, using)
        moves = [move for move in moves if move.due.id not in {one.id for one in stuck}]
        if moves:
            change(using, _MOVE_ON, _columns(moves))
        if stuck:
            change(using, _NOTE, ([one.id for one in stuck], [one.note for one in stuck]))
    fired.jobs += jobs
    fired.stuck += stuck
    fired.skipped += [Remark(m.due.id, m.due.name, m.note) for m in moves if m.note is not None]
    return len(found)


def _planned(found: Sequence[Due], stuck: list[Remark], using: str) -> list[Move]:
    last_jobs = [one.last_job for one in found if one.overlap == Overlap.SKIP and one.last_job]
    live = {id_ for (id_,) in fetch(using, _LIVE, (last_jobs,))} if last_jobs else set()
    moves = []
    for due in found:
        try:
            moves.append(plan(due, due.last_job if due.last_job in live else None, using))
        except Exception as error:  # whatever it is, the others go on
            stuck.append(Remark(due.id, due.name, f"{type(error).__name__}: {error}"))
    return moves


def _enqueue(moves: Sequence[Move], stuck: list[Remark], using: str) -> list[Sequence[Job]]:
    """Make the jobs of all, or, where one of them is not to be had, of one after the other."""
    firing = [move for move in moves if move.specs]
    if not firing:
        return []
    try:
        with transaction.atomic(using=using):
            return [_enqueue_together(firing, using)]
    except (OperationalError, InterfaceError, InternalError):
        raise  # of the connection, and of no schedule
    except Exception as error:
        if len(firing) == 1:
            due = firing[0].due
            stuck.append(Remark(due.id, due.name, f"{type(error).__name__}: {error}"))
            return []
    return [jobs for move in firing for jobs in _enqueue([move], stuck, using)]


def _enqueue_together(firing: Sequence[Move], using: str) -> Sequence[Job]:
    jobs = enqueue([spec for move in firing for spec in move.specs], using=using)
    ids = ids_of(jobs)
    position = 0
    for move in firing:
        position += len(move.specs)
        move.job = ids[position - 1]
        if any(spec.is_unique for spec in move.specs) and not jobs[position - 1].created:
            move.note = f"The tick made no job: #{move.job} holds the unique key."
    return jobs


def _columns(moves: Sequence[Move]) -> tuple[list[object], ...]:
    return (
        [move.due.id for move in moves],
        [move.last_tick for move in moves],
        [move.next_tick for move in moves],
        [move.job for move in moves],
        [move.note for move in moves],
    )
