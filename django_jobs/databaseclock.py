"""A clock of the database that is ahead, for one connection: for tests alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from typing import Any

from django.db import Error, connections

from django_jobs.engine.sql import fetch

SCHEMA = "django_jobs_clock"
_OFFSET = "django_jobs.clock_ahead"

# What a schema that is searched before the server's own offers goes over it: so all statements are
# those that always run.
_MAKE = f"""
CREATE SCHEMA {SCHEMA};
CREATE FUNCTION {SCHEMA}.statement_timestamp() RETURNS timestamptz LANGUAGE sql STABLE AS $$
    SELECT pg_catalog.statement_timestamp() + current_setting('{_OFFSET}')::interval $$
"""
_READ = f"SELECT current_setting('search_path'), coalesce(current_setting('{_OFFSET}', true), '')"
_SET = f"SELECT set_config('search_path', %s, false), set_config('{_OFFSET}', %s, false)"


def now(using: str) -> datetime:
    """Return what the clock says, as moved."""
    ((at,),) = fetch(using, "SELECT statement_timestamp()")
    moment: datetime = at
    return moment


@contextmanager
def ahead(by: timedelta, using: str) -> Iterator[None]:
    """Let the statements of this thread's connection see a later time, until the block ends."""
    ((path, offset),) = fetch(using, _READ)
    is_first = SCHEMA not in path
    if is_first:
        _run(_MAKE, using)
    inner = f"{SCHEMA}, {path}, pg_catalog" if is_first else path
    before = timedelta(seconds=float(offset.split()[0])) if offset else timedelta()
    fetch(using, _SET, (inner, f"{(before + by).total_seconds()} seconds"))
    try:
        yield
    except BaseException:
        # A transaction that is broken takes no statement, and what has broken it is to be heard
        # of. Its rollback puts all of this back.
        with suppress(Error):
            _back(path, offset, is_first, using)
        raise
    _back(path, offset, is_first, using)


def _back(path: str, offset: str, is_first: bool, using: str) -> None:
    fetch(using, _SET, (path, offset))
    if is_first:
        _run(f"DROP SCHEMA {SCHEMA} CASCADE", using)


def _run(statement: str, using: str, params: Any = None) -> None:
    with connections[using].cursor() as cursor:
        cursor.execute(statement, params)
