"""Runs that others depend on, looked for by their arguments. Read only.

Two ways lead to a run: by its time, newest first, and by its arguments. Where many runs have the
arguments one of the newest has them; where few have them the index of arguments finds these few. So
a hundred are looked at by time, and only where there are more, all those by their arguments.
"""

from __future__ import annotations

from collections.abc import Collection

from django_jobs.engine.sql import JOB, LINK, fetch, states
from django_jobs.states import LIVE, State

#: Runs that are looked at by their time.
NEWEST = 100

# Containment is what the index knows; of lists and objects it wants a part only. So then each
# argument is compared.
_ALIKE = """NOT EXISTS (
    SELECT 1 FROM jsonb_each(%(given)s::jsonb) AS asked
    WHERE job.kwargs -> asked.key IS DISTINCT FROM asked.value
)"""
# One that has been put off for later, and has never begun, is no help now.
_COMING = f"""job.id <> %(waiting)s AND (
    job.state <> '{State.SCHEDULED.value}' OR job.started_at IS NOT NULL
    OR job.scheduled_at <= statement_timestamp()
)"""
# What ended after the waiting job was made will do, however long ago it is by now: otherwise a job
# that waits long for its turn would have to wait again and again.
_RECENT = f"""job.finished_at >= least(
    statement_timestamp() - make_interval(secs => %(window)s::float8),
    (SELECT enqueued_at FROM {JOB} WHERE id = %(waiting)s)
)"""  # noqa: S608 - names of tables


def _newest(state: State, more: str, limit: int) -> str:
    # The state is told as a value that nobody knows beforehand, so that it leads to no partial
    # index but the one meant; and the order is that index's. Misled by old statistics, or in hope
    # of a find near by, the planner would go through all that has finished, or through all jobs.
    return f"""(
        SELECT id, kwargs FROM {JOB} AS job
        WHERE job.remembered AND job.state = (SELECT '{state.value}') AND job.name = %(name)s
            AND {more}
        ORDER BY job.name, job.state, job.finished_at DESC LIMIT {limit}
    )"""  # noqa: S608 - names of tables


def _statement(wanted: Collection[State], finished: str, more: str) -> dict[bool, str]:
    """Return the statements for something given, and for nothing: then every run will do."""
    newest, first = (
        " UNION ALL ".join(_newest(state, more, limit) for state in sorted(wanted))
        for limit in (NEWEST, 1)
    )
    # The CASE, and the words of the conditions before it, keep the planner from every index but
    # that of the arguments: it takes a name, or a time, for rarer than any arguments.
    both = f"""
    WITH newest AS MATERIALIZED ({newest}), alike AS MATERIALIZED (
        SELECT id FROM {JOB} AS job
        WHERE (SELECT count(*) FROM newest) >= {NEWEST}
            AND job.remembered::int = 1 AND job.finished_at {finished}
            AND job.kwargs @> %(given)s::jsonb
            AND CASE WHEN job.name = %(name)s AND job.state IN {states(wanted)} AND {more}
                AND {_ALIKE} THEN true ELSE false END
    )
    (SELECT id FROM newest AS job WHERE {_ALIKE} LIMIT 1)
    UNION ALL (SELECT id FROM alike LIMIT 1) LIMIT 1
    """  # noqa: S608 - names of tables
    return {True: both, False: first}


_SUCCEEDED = {
    True: _statement({State.SUCCEEDED}, "IS NOT NULL", _RECENT),
    False: _statement({State.SUCCEEDED}, "IS NOT NULL", "true"),
}
_ALIVE = _statement(LIVE, "IS NULL", _COMING)

_RESOLVED = f"""
SELECT 1 FROM {LINK} WHERE waiting_id = %s AND resolved AND wanted = %s LIMIT 1
"""  # noqa: S608 - names of tables


_IS_REMEMBERED = f"SELECT remembered FROM {JOB} WHERE id = %s"  # noqa: S608


def is_remembered(job: int, *, using: str) -> bool:
    """Return whether a job is found by its arguments, or is not there at all."""
    found = fetch(using, _IS_REMEMBERED, (job,))
    return not found or bool(found[0][0])


def has_succeeded(
    name: str, given: str, *, window: float | None, waiting: int, key: str, using: str
) -> bool:
    """Return whether a run of a function, with these arguments among its own, has succeeded.

    Within ``window`` seconds, at any time for None; or since the job ``waiting`` was enqueued. What
    that one has waited for, under ``key``, counts even if its row is gone.
    """
    params = {"name": name, "given": given, "window": window, "waiting": waiting}
    statement = _SUCCEEDED[window is not None][given != "{}"]
    return bool(fetch(using, statement, params) or fetch(using, _RESOLVED, (waiting, key)))


def coming(name: str, given: str, *, waiting: int, using: str) -> int | None:
    """Return a run of a function, with these arguments among its own, that may yet succeed."""
    params = {"name": name, "given": given, "waiting": waiting}
    found = fetch(using, _ALIVE[given != "{}"], params)
    return found[0][0] if found else None
