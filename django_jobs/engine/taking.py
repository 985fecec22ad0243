"""The statement that makes ready jobs a worker's own."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from django.db import connections, transaction

from django_jobs.engine.sql import among
from django_jobs.engine.trips import Statement
from django_jobs.engine.turns import Take
from django_jobs.limits import Allowance
from django_jobs.models import Job
from django_jobs.outcomes import Claimed
from django_jobs.states import State

#: What a job was claimed from comes after its own columns: queue, lane, key. The line is no column.
_OWN = len(Claimed._fields) - 1

# Materialized, or the planner may run a subquery with LIMIT twice and claim too many. By an array,
# not by a join: see sql.among().
_CLAIM = """
WITH {picked}
UPDATE {job} AS job
SET state = 'running', worker_id = %s, claims = job.claims + 1, attempts = job.attempts + 1,
    started_at = CASE WHEN %s THEN statement_timestamp() END, note = NULL
WHERE {among}
RETURNING job.id, job.claims, job.name, job.args::text, job.kwargs::text, job.attempts,
    job.max_attempts, extract(epoch FROM job.timeout)::float8, job.priority, job.memory_limit,
    extract(epoch FROM job.expires_at - statement_timestamp())::float8,
    job.queue, %s - extract(epoch FROM statement_timestamp() - job.scheduled_at)::float8{more}
"""

# The first of each head, as many as may be taken of it. What is met and does not fit is left: the
# statement looks at as many rows as it may claim, and at no more.
_PICKED = """take AS (
    SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::int[], %s::int[], %s::int[])
        AS take (queue, lane, key, most, floor, units)
), picked AS MATERIALIZED (
    SELECT picked.id, {fits} AS fits FROM take CROSS JOIN LATERAL ({queryset}) AS picked
)"""
_FITS = "(take.lane <> '' OR picked.name <> ALL(%s::text[]))"
_NO_LARGER = " AND (take.units < 0 OR picked.units <= take.units)"
#: What a take's own values replace in the statement that the ORM compiles.
_PLACES = ("take.queue", "take.lane", "take.key", "take.floor")
_LOWEST = -(2**31)


class Met(NamedTuple):
    """A claimed job, and where it waited."""

    job: Claimed
    queue: str
    lane: str
    key: str


def taking_one(worker: int, take: Take, *, starting: bool, using: str) -> Statement:
    """Return the claim from one head that nothing bounds."""
    head = take.head
    params: list[Any] = [head.queue, head.lane, head.key]
    params += [] if take.floor is None else [take.floor]
    return _one(take.most, take.floor is not None, using), [
        *params,
        worker,
        starting,
        time.monotonic(),
    ]


def taking(
    worker: int, takes: Sequence[Take], allowance: Allowance, *, starting: bool, using: str
) -> Statement:
    """Return the claim from several heads, or from lanes of which not every job may be taken.

    It answers how many jobs it met, then what met() reads.
    """
    weighs = allowance.budget is not None
    columns = zip(
        *(
            (
                *take.head[:3],
                take.most,
                _LOWEST if take.floor is None else take.floor,
                take.head.units if weighs else -1,
            )
            for take in takes
        ),
        strict=True,
    )
    params = [list(column) for column in columns]
    return _several(using), [
        *params, list(allowance.limits), worker, starting, time.monotonic(),
    ]  # fmt: skip


def compile_taking(using: str) -> None:
    """Compile the claim from several heads: once, and not inside a transaction of our own."""
    _several(using)


def met(rows: Sequence[tuple[Any, ...]]) -> tuple[list[Met], int]:
    """Return what was claimed, first ones first, and how many jobs were met."""
    if not rows:
        return [], 0
    found = [Met(Claimed(*row[:_OWN]), *row[_OWN:-1]) for row in rows]
    # RETURNING promises no order.
    found.sort(key=lambda one: (-one.job.priority, one.job.id))
    return found, rows[0][-1]


@lru_cache(maxsize=4096)
def _one(limit: int, has_floor: bool, using: str) -> str:
    picked = f"picked AS MATERIALIZED ({_queryset(limit, has_floor, using)})"
    return _CLAIM.format(picked=picked, among=among("picked"), more="", job=_table(using))


@lru_cache(maxsize=8)
def _several(using: str) -> str:
    queryset = _queryset(1, True, using, "id", "name", "units").replace(
        "LIMIT 1", "LIMIT take.most"
    )
    for place in _PLACES:
        queryset = queryset.replace("%s", place, 1)
    return _CLAIM.format(
        picked=_PICKED.format(queryset=queryset, fits=_FITS + _NO_LARGER),
        among="job.id = ANY(ARRAY(SELECT id FROM picked WHERE fits))",
        more=", job.queue, job.lane, job.concurrency_key, (SELECT count(*) FROM picked)",
        job=_table(using),
    )


def _table(using: str) -> str:
    return connections[using].ops.quote_name(Job._meta.db_table)


def _queryset(limit: int, has_floor: bool, using: str, *columns: str) -> str:
    """Return the jobs that may be claimed from one head, as the ORM compiles it."""
    picked = Job.objects.using(using).filter(state=State.READY).filter(queue="").filter(lane="")
    picked = picked.filter(concurrency_key="")
    if has_floor:
        picked = picked.filter(priority__gte=0)
    picked = picked.order_by("-priority", "id").select_for_update(skip_locked=True, no_key=True)
    with transaction.atomic(using=using):  # the compiler wants one where rows are locked
        compiler = picked.values(*columns or ("id",))[:limit].query.get_compiler(using=using)
        sql, _ = compiler.as_sql()
    # The state stands in the text, or no plan made before the values are known could choose the
    # partial index.
    text: str = sql.replace("%s", f"'{State.READY}'", 1)
    return text
