"""How many jobs are in each state: counted by indexes up to a limit, and estimated above."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from django.db.models import QuerySet

from django_jobs.engine.sql import JOB, fetch
from django_jobs.models import Job
from django_jobs.slices import among_first
from django_jobs.states import SELDOM, State

#: Jobs of one state that are counted.
MOST = 10_000

# Each in the order of an index that knows it, or the planner reads the whole table where it takes
# the state for a common one.
_IN_ORDER = {
    State.SCHEDULED: "scheduled_at",
    **dict.fromkeys(sorted(SELDOM), "state, (id * -1)"),
    State.READY: "queue, lane, concurrency_key, priority DESC, id",
    State.RUNNING: "worker_id",
}
_COUNTED = " UNION ALL ".join(
    f"SELECT '{state.value}', (SELECT count(*) FROM (SELECT 1 FROM {JOB} "  # noqa: S608 - names
    f"WHERE state = '{state.value}' {'AND claims >= 0' if state in SELDOM else ''} "
    f"ORDER BY {order} LIMIT %(limit)s) AS counted)"
    for state, order in _IN_ORDER.items()
)
_ALL = f"""
SELECT 'all', (SELECT count(*) FROM (SELECT 1 FROM {JOB} ORDER BY id LIMIT %(limit)s) AS counted)
"""  # noqa: S608 - names of tables

# What was true when the table was last analysed.
_ESTIMATED = f"""
SELECT greatest(reltuples, 0)::float8, coalesce((
    SELECT most_common_freqs[array_position(most_common_vals::text::text[], 'succeeded')]::float8
    FROM pg_stats
    WHERE schemaname = (SELECT nspname FROM pg_namespace WHERE oid = relnamespace)
        AND tablename = relname AND attname = 'state'
), 0)
FROM pg_class WHERE oid = '{JOB}'::regclass
"""  # noqa: S608 - names of tables


class Tally(NamedTuple):
    """A number of jobs."""

    jobs: int
    #: Whether there are more.
    is_capped: bool = False
    #: Whether it was not counted but comes from the statistics of the table.
    is_estimated: bool = False


@dataclass(frozen=True)
class Tallies:
    """How many jobs there are, and how many in each state. None is not known."""

    total: Tally | None
    by_state: dict[str, Tally | None]


def tallies(*, using: str) -> Tallies:
    """Return how many jobs there are in each state."""
    counts = dict(fetch(using, f"{_COUNTED} UNION ALL {_ALL}", {"limit": MOST + 1}))
    total = counts.pop("all")
    by_state: dict[str, Tally | None] = {name: _capped(count) for name, count in counts.items()}
    if total <= MOST:
        by_state[State.SUCCEEDED.value] = Tally(total - sum(counts.values()))
        return Tallies(Tally(total), by_state)
    ((rows, share),) = fetch(using, _ESTIMATED)
    by_state[State.SUCCEEDED.value] = _estimated(rows * share)
    return Tallies(_estimated(rows), by_state)


def tallies_of(jobs: QuerySet[Job]) -> Tallies:
    """Return the same for the jobs that somebody may see: of the first MOST of each state.

    Nobody knows how many of those have succeeded, or how many there are in all.
    """
    by_state: dict[str, Tally | None] = {State.SUCCEEDED.value: None}
    for state in _IN_ORDER:
        found, is_capped = among_first(jobs, state, limit=MOST)
        by_state[state.value] = Tally(found.count(), is_capped)
    return Tallies(None, by_state)


def _capped(count: int) -> Tally:
    return Tally(min(count, MOST), is_capped=count > MOST)


def _estimated(rows: float) -> Tally:
    """Return an estimate by its two leading digits, or that there are MOST at least."""
    if rows <= MOST:
        return Tally(MOST, is_capped=True)
    step = 10 ** (len(str(int(rows))) - 2)
    return Tally(round(rows / step) * step, is_estimated=True)
