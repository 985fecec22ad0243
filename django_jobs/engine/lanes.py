"""Lanes: jobs under one limit wait together, and apart from all others."""

from __future__ import annotations

from collections.abc import Mapping

from django.db import transaction

from django_jobs.engine.sql import JOB, PLACE, among, array, change, fetch
from django_jobs.keys import keys_of_rows
from django_jobs.limits import Limit
from django_jobs.registry import aliases, current

#: Jobs that one statement looks at.
BATCH = 1000

_PICK = """
    SELECT {columns} FROM {job} WHERE state = 'ready' AND queue = %(queue)s AND lane = %(lane)s
        AND concurrency_key = %(key)s
    ORDER BY priority DESC, id LIMIT {batch} FOR NO KEY UPDATE SKIP LOCKED
"""
_MOVE = f"""
WITH picked AS MATERIALIZED ({_PICK.format(columns="id", job=JOB, batch=BATCH)})
UPDATE {JOB} AS job
SET lane = coalesce(
        (%(lanes)s::text[])[array_position(%(names)s::text[], job.name::text)], job.name),
    units = CASE WHEN job.units <> 1 THEN job.units ELSE coalesce(
        (%(units)s::int[])[array_position(%(names)s::text[], job.name::text)], 1) END
WHERE {among("picked")} AND (job.name = ANY(%(names)s::text[]) OR job.units > 1)
"""  # noqa: S608 - names of tables

_PICK_KEYED = _PICK.format(columns="id, name, args::text, kwargs::text", job=JOB, batch=BATCH)
_SET_KEYS = f"""
UPDATE {JOB} AS job
SET lane = (%(lanes)s::text[])[{PLACE}],
    concurrency_key = coalesce(nullif(job.concurrency_key, ''), (%(keys)s::text[])[{PLACE}]),
    units = CASE WHEN job.units <> 1 THEN job.units ELSE (%(units)s::int[])[{PLACE}] END
WHERE job.id = ANY(%(ids)s::bigint[])
"""  # noqa: S608 - names of tables


def move_into_lanes(place: tuple[str, str, str], limits: Mapping[str, Limit], *, using: str) -> int:
    """Put ready jobs that have a limit, and wait where they should not, into their lanes.

    ``place`` is a queue, a lane and a key. In the lane of those that have no limit are jobs that
    were inserted by SQL, or enqueued before their function had one; in a lane that nobody has any
    more those of a function that was renamed. Return how many were moved; each is moved once, and
    no more than BATCH at a time.
    """
    queue, lane, key = place
    where = {"queue": queue, "lane": lane, "key": key}
    moved = 0
    with transaction.atomic(using=using):
        if any(limit.is_keyed for limit in limits.values()):
            moved += _move_keyed(where, limits, using)
        lanes = {name: name for name, limit in limits.items() if not limit.is_keyed}
        lanes |= {old: name for old, name in aliases().items() if name in lanes}
        params = {
            **where,
            "names": list(lanes),
            "lanes": list(lanes.values()),
            "units": [limits[name].units for name in lanes.values()],
        }
        moved += change(using, _MOVE, params)
    return moved


def _move_keyed(where: Mapping[str, str], limits: Mapping[str, Limit], using: str) -> int:
    rows = [
        (id_, lane, limits[lane].units, call)
        for id_, *call in fetch(using, _PICK_KEYED, where)
        if (lane := current(call[0])) in limits and limits[lane].is_keyed
    ]
    if not rows:
        return 0
    ids, lanes, units, calls = map(list, zip(*sorted(rows), strict=True))
    keys = keys_of_rows(calls, using=using)
    params = {"ids": array(ids), "lanes": lanes, "keys": keys, "units": array(units)}
    return change(using, _SET_KEYS, params)
