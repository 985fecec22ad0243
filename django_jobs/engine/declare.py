"""declare: the schedules of the code become rows."""

from __future__ import annotations

from collections.abc import Mapping

from django.db import transaction

from django_jobs.engine.sql import SCHEDULE, change
from django_jobs.scheduling import Declaration

_SAID = (
    "function", "kwargs", "cron", "every", "timezone", "start_at", "end_at", "missed", "overlap",
    "queue", "priority",
)  # fmt: skip
_TIMING = ("cron", "every", "timezone", "start_at", "end_at")


def _row(table: str, columns: tuple[str, ...]) -> str:
    return f"({', '.join(f'{table}.{column}' for column in columns)})"


# A row that comes back counts from now on; so does one whose timing has changed.
_ANEW = (
    f"({SCHEDULE}.source = 'withdrawn' "
    f"OR {_row(SCHEDULE, _TIMING)} IS DISTINCT FROM {_row('excluded', _TIMING)})"
)

# Whether it is enabled is for people to say: code says so only once.
_DECLARE = f"""
INSERT INTO {SCHEDULE} (name, source, is_enabled, {", ".join(_SAID)})
VALUES (%s, 'code', %s, {", ".join("%s::jsonb" if name == "kwargs" else "%s" for name in _SAID)})
ON CONFLICT (name) DO UPDATE SET source = 'code', args = '[]',
    {", ".join(f"{name} = excluded.{name}" for name in _SAID)},
    next_tick = CASE WHEN {_ANEW} THEN NULL ELSE {SCHEDULE}.next_tick END,
    is_over = NOT {_ANEW} AND {SCHEDULE}.is_over,
    note = CASE WHEN {_ANEW} THEN NULL ELSE {SCHEDULE}.note END,
    counts_from = CASE WHEN {_ANEW} THEN statement_timestamp() ELSE {SCHEDULE}.counts_from END
WHERE {SCHEDULE}.source <> 'code' OR {SCHEDULE}.args <> '[]'
    OR {_row(SCHEDULE, _SAID)} IS DISTINCT FROM {_row("excluded", _SAID)}
"""  # noqa: S608 - names of columns

_WITHDRAW = f"""
UPDATE {SCHEDULE} SET source = 'withdrawn' WHERE source = 'code' AND name <> ALL(%s::text[])
"""  # noqa: S608 - names of tables


def declare(schedules: Mapping[str, Declaration], *, using: str) -> int:
    """Make the rows of declared schedules say what the code says; return how many had to change.

    What is declared no more is withdrawn: its row stays, and ticks no more. A row of that name that
    was made by hand is taken over. Whether a row is enabled is left to people.
    """
    with transaction.atomic(using=using):
        # In one order, everywhere: two that start together wait for each other, in no circle.
        changed = sum(
            change(using, _DECLARE, (name, one.enabled, *_said(one)))
            for name, one in sorted(schedules.items())
        )
        return changed + change(using, _WITHDRAW, (sorted(schedules),))


def _said(one: Declaration) -> tuple[object, ...]:
    return (
        one.function, one.kwargs, one.cron, one.every, one.timezone, one.start, one.end, one.missed,
        one.overlap, one.queue, one.priority,
    )  # fmt: skip
