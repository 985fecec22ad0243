"""A clock to move."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from django_jobs.databaseclock import ahead, now
from django_jobs.engine.sql import write_alias
from django_jobs.exceptions import InvalidOption


@contextmanager
def travel(to: timedelta | datetime, *, using: str | None = None) -> Iterator[None]:
    """Let the database's clock be ahead, by so much or at that moment, until the block ends.

    For this thread's connection alone; Python's clock stays. Raise InvalidOption for what is past.
    """
    alias = write_alias(using)
    if isinstance(to, datetime):
        if to.tzinfo is None:
            raise InvalidOption("travel: the moment has no time zone: use timezone.make_aware().")
        to -= now(alias)
    with ahead(_forward(to), alias):
        yield


def _forward(by: object) -> timedelta:
    if not isinstance(by, timedelta) or by < timedelta():
        raise InvalidOption(f"travel goes forward only, by a timedelta or to a datetime: {by!r}.")
    return by
