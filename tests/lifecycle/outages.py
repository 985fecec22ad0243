"""Connections that break, and what jobs wait for afterwards."""

from __future__ import annotations

from django.db import connection

from django_jobs.models import Job

_OTHERS = (
    "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
    "AND backend_type = 'client backend'"
)


def other_connections() -> int:
    """Count the connections to this database but the test's own."""
    return _counted("SELECT count(*)")


def terminate_others() -> int:
    """Break every connection to this database but the test's own."""
    return _counted("SELECT count(pg_terminate_backend(pid))")


def hasten() -> int:
    """Make jobs that wait for their next attempt due: the default backoff is ten seconds."""
    return Job.objects.scheduled().update(scheduled_at="2020-01-01T00:00:00Z")


def _counted(what: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"{what} {_OTHERS}")
        return int(cursor.fetchone()[0])
