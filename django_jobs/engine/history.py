"""write_history, sample and roll_up: what happened, kept by the minute and coarser. Moves no job.

Rows are written in the order of their queues, whoever writes them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from django_jobs.chronicle import ENDS, Tally
from django_jobs.engine.backlog import Backlog, backlogs
from django_jobs.engine.sql import change, fetch, table
from django_jobs.models import Period

PERIOD = table(Period)

#: Seconds of a period, and for how many seconds those of that length are kept: three hours, three
#: days and half a year. What is older is put together to the next length.
KEPT = {60: 10_800, 600: 259_200, 3_600: 15_811_200}
FINEST = min(KEPT)
#: What stands for all queues together: they are read without reading each.
ALL = ""
#: Ready jobs of one queue that are counted.
MOST = 10_000
#: Rows that one statement puts together or deletes.
BATCH = 2_000


def begin(span: str, at: str = "statement_timestamp()") -> str:
    """Return when the period of that length begins that a time is in."""
    return f"date_bin(make_interval(secs => {span}), {at}, 'epoch'::timestamptz)"


def _sum(column: str) -> str:
    """Return the counts of two rows added up; one may have more places than the other."""
    return f"""{column} = ARRAY(
        SELECT coalesce(a, 0) + coalesce(b, 0)
        FROM unnest(old.{column}, excluded.{column}) WITH ORDINALITY AS both_of (a, b, place)
        ORDER BY place)"""  # noqa: S608 - names


_ADD = ", ".join(
    [
        *(f"{end} = old.{end} + excluded.{end}" for end in ENDS),
        _sum("waits"),
        _sum("runs"),
        "ready = greatest(old.ready, excluded.ready)",
        "oldest = greatest(old.oldest, excluded.oldest)",
    ]
)
_COLUMNS = f"queue, span, begins_at, {', '.join(ENDS)}, waits, runs, ready, oldest"

_WRITE = f"""
INSERT INTO {PERIOD} AS old ({_COLUMNS})
SELECT queue, {FINEST}, {begin(str(FINEST))}, {", ".join(ENDS)}, waits::int[], runs::int[],
    NULL, NULL
FROM unnest(%s::text[], {", ".join("%s::int[]" for _ in ENDS)}, %s::text[], %s::text[])
    AS new (queue, {", ".join(ENDS)}, waits, runs)
ORDER BY queue
ON CONFLICT (queue, span, begins_at) DO UPDATE SET {_ADD}
"""  # noqa: S608 - names of tables

# Whoever has made this row, or has filled it in first, looks at the backlog of the minute.
_BE_FIRST = f"""
INSERT INTO {PERIOD} AS old (queue, span, begins_at, waits, runs, ready)
VALUES ('{ALL}', {FINEST}, {begin(str(FINEST))}, '{{}}', '{{}}', 0)
ON CONFLICT (queue, span, begins_at) DO UPDATE SET ready = 0 WHERE old.ready IS NULL
RETURNING begins_at
"""  # noqa: S608 - names of tables

_SAMPLE = f"""
INSERT INTO {PERIOD} AS old (queue, span, begins_at, waits, runs, ready, oldest)
SELECT queue, {FINEST}, %s, '{{}}', '{{}}', ready, oldest
FROM unnest(%s::text[], %s::int[], %s::float8[]) AS new (queue, ready, oldest)
ORDER BY queue
ON CONFLICT (queue, span, begins_at) DO UPDATE
    SET ready = excluded.ready, oldest = excluded.oldest
"""  # noqa: S608 - names of tables


def _counts(column: str) -> str:
    return f"""{column} AS (
    SELECT queue, begins_at, array_agg(count ORDER BY place) AS {column} FROM (
        SELECT queue, begins_at, place, sum(count)::int AS count
        FROM old, unnest({column}) WITH ORDINALITY AS one (count, place) GROUP BY 1, 2, 3
    ) AS places GROUP BY 1, 2
)"""  # noqa: S608 - names


_ROLL_UP = f"""
WITH old AS (
    DELETE FROM {PERIOD} WHERE id = ANY(ARRAY(
        SELECT id FROM {PERIOD} WHERE span = %(fine)s
            AND begins_at < {begin("%(coarse)s")} - make_interval(secs => %(kept)s)
        ORDER BY begins_at LIMIT %(batch)s FOR UPDATE SKIP LOCKED
    ))
    RETURNING queue, {begin("%(coarse)s", "begins_at")} AS begins_at, {", ".join(ENDS)},
        waits, runs, ready, oldest
), sums AS (
    SELECT queue, begins_at, {", ".join(f"sum({end})::int AS {end}" for end in ENDS)},
        max(ready) AS ready, max(oldest) AS oldest
    FROM old GROUP BY queue, begins_at
), {_counts("waits")}, {_counts("runs")}, written AS (
    INSERT INTO {PERIOD} AS old ({_COLUMNS})
    SELECT queue, %(coarse)s, begins_at, {", ".join(ENDS)},
        coalesce(waits, '{{}}'), coalesce(runs, '{{}}'), ready, oldest
    FROM sums LEFT JOIN waits USING (queue, begins_at) LEFT JOIN runs USING (queue, begins_at)
    ORDER BY queue, begins_at
    ON CONFLICT (queue, span, begins_at) DO UPDATE SET {_ADD}
)
SELECT count(*) FROM old
"""  # noqa: S608 - names of tables

_FORGET = f"""
DELETE FROM {PERIOD} WHERE id = ANY(ARRAY(
    SELECT id FROM {PERIOD} WHERE span = %(span)s
        AND begins_at < statement_timestamp() - make_interval(secs => %(kept)s)
    ORDER BY begins_at LIMIT %(batch)s FOR UPDATE SKIP LOCKED
))
"""  # noqa: S608 - names of tables


def write_history(tallies: Mapping[str, Tally], *, using: str) -> None:
    """Add to this minute what has ended, by queue. To be committed by itself."""
    if not tallies:
        return
    every = Tally()
    for tally in tallies.values():
        every.add(tally)
    queues = sorted([*tallies, ALL])
    ordered = [every if queue == ALL else tallies[queue] for queue in queues]
    ends = [[tally.ends[place] for tally in ordered] for place in range(len(ENDS))]
    waits = [_array(tally.waits) for tally in ordered]
    runs = [_array(tally.runs) for tally in ordered]
    change(using, _WRITE, [queues, *ends, waits, runs])


def sample(*, using: str) -> bool:
    """Note how much waits in each queue, unless somebody has done so in this minute."""
    first = fetch(using, _BE_FIRST)
    if not first:
        return False
    found = backlogs(limit=MOST, using=using)
    if found:
        total = Backlog(ALL, sum(one.ready for one in found), _longest(found))
        ordered = sorted([*found, total])
        columns = [list(column) for column in zip(*ordered, strict=True)]
        change(using, _SAMPLE, [first[0][0], *columns])
    return True


def roll_up(*, using: str) -> int:
    """Put periods together that are too old to be kept by themselves; return how many were."""
    lengths = sorted(KEPT)
    rolled = 0
    for fine, coarse in pairwise(lengths):
        given = {"fine": fine, "coarse": coarse, "kept": KEPT[fine], "batch": BATCH}
        while True:
            ((moved,),) = fetch(using, _ROLL_UP, given)
            rolled += moved
            if moved < BATCH:
                break
    oldest = {"span": lengths[-1], "kept": KEPT[lengths[-1]], "batch": BATCH}
    while change(using, _FORGET, oldest) == BATCH:
        pass
    return rolled


def _array(counts: Sequence[int]) -> str:
    """Return counts as the text of an array, without what is empty at its end."""
    length = next((place for place in range(len(counts), 0, -1) if counts[place - 1]), 0)
    return f"{{{','.join(map(str, counts[:length]))}}}"


def _longest(found: Sequence[Backlog]) -> float | None:
    return max((one.oldest for one in found if one.oldest is not None), default=None)
