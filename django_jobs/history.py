"""What happened in the queues, as charts and rates: read from periods, never from jobs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from django_jobs.chronicle import ENDS
from django_jobs.engine.history import ALL, FINEST, KEPT, PERIOD, begin
from django_jobs.engine.sql import fetch

_SPANS = ", ".join(str(span) for span in sorted(KEPT))
_SUMS = ", ".join(f"sum({end})::int AS {end}" for end in ENDS)


def _counts(column: str, key: str) -> str:
    """Return the counts of all periods of a group, added up place by place."""
    return f"""{column} AS (
    SELECT {key}, array_agg(count ORDER BY place) AS {column} FROM (
        SELECT {key}, place, sum(count)::int AS count
        FROM found, unnest({column}) WITH ORDINALITY AS one (count, place) GROUP BY 1, 2
    ) AS places GROUP BY 1
)"""  # noqa: S608 - names


# All lengths in one: a period is rolled up as a whole, so none is met twice. Each length is named,
# so that the index serves for all columns of the condition.
_FOUND = f"""
WITH found AS MATERIALIZED (
    SELECT *, {begin("%(step)s::int", "begins_at")} AS at FROM {PERIOD}
    WHERE queue = ANY(%(queues)s::text[]) AND span IN ({_SPANS})
        AND begins_at >= {begin("%(step)s::int")}
            - make_interval(secs => %(seconds)s - %(step)s::int)
)"""  # noqa: S608 - names of tables


def _grouped(key: str) -> str:
    return f"""
{_FOUND}, {_counts("waits", key)}, {_counts("runs", key)}
SELECT {key}, {_SUMS}, coalesce((SELECT waits FROM waits WHERE waits.{key} = found.{key}), '{{}}'),
    coalesce((SELECT runs FROM runs WHERE runs.{key} = found.{key}), '{{}}'),
    max(ready), max(oldest)
FROM found GROUP BY {key} ORDER BY {key}
"""  # noqa: S608 - names of tables


_SERIES, _TOTALS = _grouped("at"), _grouped("queue")
_NOW = f"SELECT {begin('%s::int')}"

_RATES = f"""
SELECT queue, {", ".join(f"sum({end})::float8 / minutes" for end in ENDS)} FROM {PERIOD}
CROSS JOIN (
    SELECT extract(epoch FROM statement_timestamp() - since)::float8 / 60 AS minutes, since
    FROM (SELECT {begin(str(FINEST))} - make_interval(secs => %(seconds)s) AS since) AS past
) AS window_of
WHERE span = {FINEST} AND begins_at >= {begin(str(FINEST))} - make_interval(secs => %(seconds)s)
    AND queue <> '{ALL}'
GROUP BY queue, minutes
"""  # noqa: S608 - names of tables


class Slot(NamedTuple):
    """What happened in a stretch of time, or in a queue."""

    #: When it begins; of totals the queue.
    key: datetime | str
    succeeded: int = 0
    failed: int = 0
    cancelled: int = 0
    retried: int = 0
    #: By size: see histogram.py.
    waits: Sequence[int] = ()
    runs: Sequence[int] = ()
    #: The largest backlog that was seen; None where none was.
    ready: int | None = None
    #: The longest that a ready job had waited, in seconds.
    oldest: float | None = None

    @property
    def ended(self) -> int:
        """Return how many jobs have ended for good."""
        return self.succeeded + self.failed + self.cancelled


def series(*, queue: str = ALL, seconds: int, step: int, using: str) -> list[Slot]:
    """Return the last ``seconds`` in slots of ``step`` seconds each, without a gap, oldest first.

    ``queue`` empty means all of them together.
    """
    given = {"queues": [queue], "seconds": seconds, "step": step}
    found = {row[0]: Slot._make(row) for row in fetch(using, _SERIES, given)}
    ((now,),) = fetch(using, _NOW, [step])
    first = now.timestamp() - seconds + step
    moments = (
        datetime.fromtimestamp(first + place * step, now.tzinfo) for place in range(seconds // step)
    )
    return [found.get(moment) or Slot(moment) for moment in moments]


def totals(queues: Sequence[str], *, seconds: int, using: str) -> dict[str, Slot]:
    """Return what happened in each of these queues in the last ``seconds``, by its name."""
    given = {"queues": list(queues), "seconds": seconds, "step": FINEST}
    return {row[0]: Slot._make(row) for row in fetch(using, _TOTALS, given)}


def rates(*, seconds: float, using: str) -> dict[str, dict[str, float]]:
    """Return how many jobs a minute have ended in the last ``seconds``, by queue and end."""
    return {
        queue: dict(zip(ENDS, found, strict=True))
        for queue, *found in fetch(using, _RATES, {"seconds": seconds})
    }
