"""Lanes: jobs under one limit wait together, and apart from all others."""

from __future__ import annotations

from collections.abc import Mapping

from django.db import transaction

from django_jobs.engine.sql import JOB, PLACE, among, array, change, fetch
from django_jobs.keys import key_of_row
from django_jobs.limits import Limit

#: Jobs that one statement looks at.
BATCH = 1000

_PICK = """
    SELECT {columns} FROM {job} WHERE state = 'ready' AND queue = %(queue)s AND lane = ''
        AND concurrency_key = %(key)s
    ORDER BY priority DESC, id LIMIT {batch} FOR NO KEY UPDATE SKIP LOCKED
"""
_MOVE = f"""
WITH picked AS MATERIALIZED ({_PICK.format(columns="id", job=JOB, batch=BATCH)})
UPDATE {JOB} AS job
SET lane = job.name,
    units = CASE WHEN job.units <> 1 THEN job.units ELSE coalesce(
        (%(units)s::int[])[array_position(%(names)s::text[], job.name::text)], 1) END
WHERE {among("picked")} AND (job.name = ANY(%(names)s::text[]) OR job.units > 1)
"""  # noqa: S608 - names of tables

_PICK_KEYED = _PICK.format(columns="id, name, args::text, kwargs::text", job=JOB, batch=BATCH)
_SET_KEYS = f"""
UPDATE {JOB} AS job
SET lane = job.name,
    concurrency_key = coalesce(nullif(job.concurrency_key, ''), (%(keys)s::text[])[{PLACE}]),
    units = CASE WHEN job.units <> 1 THEN job.units ELSE (%(units)s::int[])[{PLACE}] END
WHERE job.id = ANY(%(ids)s::bigint[])
"""  # noqa: S608 - names of tables


def move_into_lanes(queue: str, key: str, limits: Mapping[str, Limit], *, using: str) -> int:
    """Put ready jobs that have a limit, and wait among those that have none, into their lanes.

    So they were inserted by SQL, or enqueued before their function had a limit. Return how many
    were moved; each is moved once, and no more than BATCH at a time.
    """
    moved = 0
    with transaction.atomic(using=using):
        if any(limit.is_keyed for limit in limits.values()):
            moved += _move_keyed(queue, key, limits, using)
        names = [name for name, limit in limits.items() if not limit.is_keyed]
        units = [limits[name].units for name in names]
        params = {"queue": queue, "key": key, "names": names, "units": units}
        moved += change(using, _MOVE, params)
    return moved


def _move_keyed(queue: str, key: str, limits: Mapping[str, Limit], using: str) -> int:
    rows = []
    for id_, name, args, kwargs in fetch(using, _PICK_KEYED, {"queue": queue, "key": key}):
        if name in limits and limits[name].is_keyed:
            rows.append((id_, key_of_row(name, args, kwargs), limits[name].units))
    if not rows:
        return 0
    ids, keys, units = map(list, zip(*sorted(rows), strict=True))
    return change(using, _SET_KEYS, {"ids": array(ids), "keys": keys, "units": array(units)})
