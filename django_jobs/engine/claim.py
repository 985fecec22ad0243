"""claim: ready → running."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from django.db import connections, transaction

from django_jobs.engine.sql import JOB, QUEUE, among, fetch
from django_jobs.models import Job
from django_jobs.outcomes import Claimed
from django_jobs.states import State

# Walks the index of ready jobs from queue to queue: as many probes as queues that have ready jobs,
# whatever their length. Only queues that may run now, each with the priority of its first job.
_PEEK = f"""
WITH RECURSIVE heads AS (
    (SELECT queue, priority, id FROM {JOB} WHERE state = 'ready'
     ORDER BY queue, priority DESC, id LIMIT 1)
    UNION ALL
    SELECT next.queue, next.priority, next.id FROM heads CROSS JOIN LATERAL (
        SELECT queue, priority, id FROM {JOB} WHERE state = 'ready' AND queue > heads.queue
        ORDER BY queue, priority DESC, id LIMIT 1
    ) AS next
)
SELECT heads.queue, heads.priority FROM heads
LEFT JOIN {QUEUE} AS q ON q.name = heads.queue
WHERE q.paused_at IS NULL OR q.resume_at <= statement_timestamp()
ORDER BY heads.priority DESC, heads.id
"""  # noqa: S608 - names of tables

# Materialized, or the planner may run a subquery with LIMIT twice and claim too many. By an array,
# not by a join: see sql.among().
_CLAIM = """
WITH picked AS MATERIALIZED ({picked})
UPDATE {job} AS job
SET state = 'running', worker_id = %s, claims = job.claims + 1, attempts = job.attempts + 1,
    started_at = CASE WHEN %s THEN statement_timestamp() END, note = NULL
WHERE {among}
RETURNING job.id, job.claims, job.name, job.args::text, job.kwargs::text, job.attempts,
    job.max_attempts, extract(epoch FROM job.timeout)::float8, job.priority
"""


def claim(
    worker: int, queues: Sequence[str], limit: int, *, starting: bool, using: str
) -> list[Claimed]:
    """Move up to ``limit`` jobs from ready to running, owned by ``worker``, first ones first.

    ``queues`` empty means every queue. ``starting`` says that all of them start at once; else they
    are prefetched: ``started_at`` stays empty, and should the worker die they are not charged.
    """
    claimed: list[Claimed] = []
    heads = _heads(queues, using)
    for position, (queue, _) in enumerate(heads):
        # Not below the first job of the next queue: priorities hold across queues.
        floor = heads[position + 1][1] if position + 1 < len(heads) else None
        claimed += _claim_from(worker, queue, floor, limit - len(claimed), starting, using)
        if len(claimed) >= limit:
            break
    return claimed


def _heads(queues: Sequence[str], using: str) -> list[tuple[str, int]]:
    heads: list[tuple[str, int]] = fetch(using, _PEEK)
    # The first job of all comes first, whatever its queue: so no queue starves another.
    return [head for head in heads if not queues or head[0] in queues]


def _claim_from(
    worker: int, queue: str, floor: int | None, limit: int, starting: bool, using: str
) -> list[Claimed]:
    sql = _statement(limit, floor is not None, using)
    picking = (queue,) if floor is None else (queue, floor)
    rows = map(Claimed._make, fetch(using, sql, (*picking, worker, starting)))
    # RETURNING promises no order.
    return sorted(rows, key=lambda job: (-job.priority, job.id))


@lru_cache(maxsize=2048)
def _statement(limit: int, has_floor: bool, using: str) -> str:
    """Return the claim as SQL: the queryset below, compiled once for each size of batch."""
    picked = Job.objects.using(using).filter(state=State.READY).filter(queue="")
    if has_floor:
        picked = picked.filter(priority__gte=0)
    picked = picked.order_by("-priority", "id").select_for_update(skip_locked=True, no_key=True)
    with transaction.atomic(using=using):  # the compiler wants one where rows are locked
        compiler = picked.values("id")[:limit].query.get_compiler(using=using)
        sql, _ = compiler.as_sql()
    # The state stands in the text, or no plan made before the values are known could choose the
    # partial index.
    sql = sql.replace("%s", f"'{State.READY}'", 1)
    return _CLAIM.format(
        picked=sql, among=among("picked"), job=connections[using].ops.quote_name(Job._meta.db_table)
    )
