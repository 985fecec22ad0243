"""How much of each rate is used up: one small row for each rate in use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from django_jobs.engine.heads import Head
from django_jobs.engine.sql import change, table
from django_jobs.engine.trips import Statement
from django_jobs.limits import Allowance
from django_jobs.models import RateLevel
from django_jobs.rates import Rate

LEVEL = table(RateLevel)

#: Levels deleted by one statement.
BATCH = 1000

_NOW = "extract(epoch FROM statement_timestamp())::float8"
#: Answers the time too, also where no rate is used up.
_CLOSED = f"""
SELECT {_NOW}, coalesce(jsonb_object_agg(name, opens), '{{}}')::text
FROM {LEVEL} WHERE opens > {_NOW}
"""  # noqa: S608 - names of tables
_MAKE = f"""
INSERT INTO {LEVEL} (name) SELECT unnest(%s::text[]) ON CONFLICT DO NOTHING
"""
_LOCK = f"""
SELECT name, level, since, {_NOW} FROM {LEVEL} WHERE name = ANY(%s::text[]) ORDER BY name FOR UPDATE
"""  # noqa: S608 - names of tables
_WRITE = f"""
UPDATE {LEVEL} AS old
SET level = new.level, since = new.since, opens = new.opens, ends = new.ends
FROM unnest(%s::text[], %s::float8[], %s::float8[], %s::float8[], %s::float8[])
    AS new (name, level, since, opens, ends)
WHERE old.name = new.name
"""  # noqa: S608 - names of tables
_FORGET = f"""
DELETE FROM {LEVEL} WHERE name = ANY(ARRAY(
    SELECT name FROM {LEVEL} WHERE ends <= {_NOW}
    ORDER BY ends LIMIT %s FOR UPDATE SKIP LOCKED
))
"""  # noqa: S608 - names of tables


class Level(NamedTuple):
    """How much of a rate was used up at some time."""

    level: float
    since: float


def rates_of(head: Head, allowance: Allowance) -> dict[str, Rate]:
    """Return the rates that hold for a head, by the names of their levels."""
    limit = allowance.limit(head.lane)
    found = {
        f"queue {head.queue}": allowance.policy(head.queue).rate,
        f"job {head.lane}": limit.rate,
        f"key {head.lane} {head.key}": limit.rate_per_key,
    }
    return {name: rate for name, rate in found.items() if rate is not None}


def closed() -> Statement:
    """Return the statement that answers the time and the rates that are used up, as JSON."""
    return _CLOSED, ()


def locking_levels(names: Iterable[str]) -> list[Statement]:
    """Return the statements that lock the levels of rates, ascending, and answer them."""
    ordered = sorted(names)
    return [(_MAKE, [ordered]), (_LOCK, [ordered])]


def locked_levels(answer: Sequence[Any]) -> tuple[dict[str, Level], float]:
    """Return the levels that were locked, and the time."""
    levels = {name: Level(level, since) for name, level, since, _ in answer}
    return levels, answer[0][3] if answer else 0.0


def writing(
    used: Mapping[str, int], rates: Mapping[str, Rate], levels: Mapping[str, Level], now: float
) -> Statement:
    """Return the statement that counts so many starts more against rates."""
    rows = []
    for name, starts in used.items():
        rate, before = rates[name], levels[name]
        level = rate.level(before.level, before.since, now) + starts
        since = max(now, before.since)
        rows.append((name, level, since, rate.opens(level, since), rate.ends(level, since)))
    columns = [list(column) for column in zip(*rows, strict=True)]
    return _WRITE, columns


def forget_levels(*, using: str) -> int:
    """Delete the levels that say nothing more, BATCH at most; return how many."""
    return change(using, _FORGET, (BATCH,))
