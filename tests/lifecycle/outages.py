"""Connections that break, and what jobs wait for afterwards."""

from __future__ import annotations

import psycopg
from django.db import connection

from django_jobs.models import Job
from tests.databases import url_of_test_database
from tests.threads import wait_until

_OTHERS = (
    "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
    "AND backend_type = 'client backend'"
)


def other_connections() -> int:
    """Count the connections to this database but the test's own."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) {_OTHERS}")
        return int(cursor.fetchone()[0])


def terminate_others() -> int:
    """Break every connection to this database; the test gets a new one."""
    connection.close()
    # Past pgbouncer: the session that asks must outlive this, and see the others gone before the
    # test can be given one of them.
    with psycopg.connect(url_of_test_database(past_proxy=True), autocommit=True) as session:
        broken = session.execute(f"SELECT pid, pg_terminate_backend(pid) {_OTHERS}").fetchall()
        pids = [pid for pid, _ in broken]
        left = "SELECT 1 FROM pg_stat_activity WHERE pid = ANY(%s)"
        wait_until(lambda: not session.execute(left, [pids]).fetchall())
    return len(pids)


def hasten() -> int:
    """Make jobs that wait for their next attempt due: the default backoff is ten seconds."""
    return Job.objects.scheduled().update(scheduled_at="2020-01-01T00:00:00Z")
