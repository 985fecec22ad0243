"""What the engine's statements share: names of tables, lists of states, and how to run them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db import connections, router
from django.db.models import Model

from django_jobs.models import Edge, Job, Link, Queue, Schedule, Step, Worker, Workflow
from django_jobs.states import State, sources

#: Failed attempts whose errors are kept with a job; the oldest go first.
KEPT_ERRORS = 20

Params = Sequence[Any] | Mapping[str, Any]


def table(model: type[Model]) -> str:
    """Return the quoted name of a model's table."""
    return f'"{model._meta.db_table}"'


JOB, QUEUE, SCHEDULE, WORKER = table(Job), table(Queue), table(Schedule), table(Worker)
LINK, WORKFLOW, STEP, EDGE = table(Link), table(Workflow), table(Step), table(Edge)


def states(names: Iterable[State]) -> str:
    """Return a list of states for ``IN``: literals, since partial indexes match only these."""
    return "(" + ", ".join(f"'{State(name).value}'" for name in sorted(names)) + ")"


def among(rows: str, column: str = "id") -> str:
    """Return the condition that ``job`` is one of ``rows``, in words that bound the scan.

    A table that was empty when it was last analysed has, the planner believes, one row for ever
    after, and any join with it is a loop through all of its rows. An array is a condition of the
    scan itself: it is met by the index, however wrong the planner is. So no statement of the engine
    joins jobs by their ids.
    """
    return f"job.{column} = ANY(ARRAY(SELECT {column} FROM {rows}))"  # noqa: S608 - names


def opaque(condition: str) -> str:
    """Return a condition that the planner neither estimates nor matches with a partial index.

    For rows found by their ids. Told in plain words, and misled by statistics from when no job was
    running, the planner takes such a condition for the rarer one, and walks through the whole
    table or a wrong index for every id: quadratic in the batch. Of a CASE it believes a half.
    """
    return f"CASE WHEN {condition} THEN true ELSE false END"


def movable(verb: str) -> str:
    """Return the condition that ``job``, found by its id, may be moved by ``verb``."""
    return opaque(f"job.state IN {states(sources(verb))}")


#: Where the ids, in ascending order, hold that of ``job``: a binary search.
PLACE = "width_bucket(job.id, %(ids)s::bigint[])"

#: The condition that ``job`` is one of the claims ``ids`` and ``claims``, two arrays in the order
#: of ids: the fence of every write about a running job.
FENCE = f"job.id = ANY(%(ids)s::bigint[]) AND job.claims = (%(claims)s::int[])[{PLACE}]"

#: The condition that ``job``, found by its fence, has not ended in the hands of who held it: so
#: that doing it twice does nothing more.
STILL_OWNED = opaque("job.finished_at IS NULL AND job.worker_id IS NOT NULL")

#: The jobs behind the fence, locked in ascending order.
FENCED = f"""
WITH fenced AS MATERIALIZED (
    SELECT id FROM {JOB} AS job WHERE {FENCE} ORDER BY id FOR NO KEY UPDATE
)"""  # noqa: S608 - names of tables


def kept_until(at: str, seconds: str) -> str:
    """Return when ``job`` may be pruned: a part of a workflow not before the whole."""
    return f"CASE WHEN job.step_id IS NULL THEN {at} + make_interval(secs => {seconds}) END"


def with_error(error: str) -> str:
    """Return the errors of ``job`` with one more, the oldest gone where there are too many."""
    return f"""CASE WHEN jsonb_array_length(job.errors) >= {KEPT_ERRORS}
        THEN job.errors - 0 ELSE job.errors END || {error}"""


def array(values: Sequence[float | None]) -> str:
    """Return numbers as the text of an array: the driver would quote a list one by one."""
    return f"{{{','.join('NULL' if value is None else repr(value) for value in values)}}}"


def write_alias(using: str | None) -> str:
    """Return the database that jobs are written to."""
    return using or router.db_for_write(Job)


def fetch(using: str, sql: str, params: Params = ()) -> list[Any]:
    """Run one statement and return its rows."""
    with connections[using].cursor() as cursor:
        cursor.execute(sql, params)
        rows: list[Any] = cursor.fetchall()
    return rows


def fetch_one(using: str, sql: str, params: Params) -> Any:
    """Run one statement and return its first row, at the least cost.

    Where nobody watches the queries of the connection, what would tell them is left out: an eighth
    of the time of a small INSERT.
    """
    connection = connections[using]
    if connection.execute_wrappers or connection.queries_logged:
        return fetch(using, sql, params)[0]
    connection.ensure_connection()
    connection.validate_no_broken_transaction()
    with connection.wrap_database_errors:
        return connection.connection.execute(sql, params).fetchone()


def change(using: str, sql: str, params: Params = ()) -> int:
    """Run one statement and return how many rows it changed."""
    with connections[using].cursor() as cursor:
        cursor.execute(sql, params)
        count: int = cursor.rowcount
    return count
