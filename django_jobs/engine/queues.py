"""pause_queue and resume_queue: whether the jobs of a queue may be claimed."""

from __future__ import annotations

from datetime import datetime, timedelta

from django_jobs.engine.sql import QUEUE, change
from django_jobs.models import Queue

_PAUSE = f"""
INSERT INTO {QUEUE} (name, paused_at, resume_at)
VALUES (%s, statement_timestamp(), {{resume_at}})
ON CONFLICT (name) DO UPDATE SET paused_at = coalesce({QUEUE}.paused_at, excluded.paused_at),
                                 resume_at = excluded.resume_at
"""  # noqa: S608 - names of tables


def pause_queue(name: str, *, resume_at: datetime | timedelta | None = None, using: str) -> None:
    """Let no more jobs of a queue be claimed, until ``resume_at`` or until it is resumed."""
    relative = isinstance(resume_at, timedelta)
    expression = "statement_timestamp() + %s" if relative else "%s"
    change(using, _PAUSE.format(resume_at=expression), (name, resume_at))


def resume_queue(name: str, *, using: str) -> bool:
    """Let the jobs of a queue be claimed again; return whether it was paused."""
    sql = f"UPDATE {QUEUE} SET paused_at = NULL, resume_at = NULL WHERE name = %s AND paused_at IS NOT NULL"  # noqa: S608, E501
    return bool(change(using, sql, (name,)))


def queue_rows(*, using: str) -> list[Queue]:
    """Return the rows of all queues: what is said of each."""
    return list(Queue.objects.using(using).order_by("name"))


def ensure_queue(name: str, *, using: str) -> None:
    """Make the row of a queue unless it is there."""
    change(using, f"INSERT INTO {QUEUE} (name) VALUES (%s) ON CONFLICT DO NOTHING", (name,))  # noqa: S608
