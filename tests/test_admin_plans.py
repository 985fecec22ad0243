"""How the database answers the admin's pages of workers, queues, failures and schedules."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from django_jobs.models import Queue, Schedule, Worker
from tests.plans import TABLE, old_statistics, rows_handled, ways_into_jobs
from tests.rows import make_job, sql
from tests.test_query_plans import fill, finished, running, scheduled

MILLION = 1_000_000
#: Of each of these states: more than any page may look at.
MANY = 150_000
#: Rows that the steps of one statement may have in hand: so many are counted of each state.
MOST = 100_000
#: The same where the planner takes every state for a rare one: it reads and sorts one of them.
MISLED = 4 * MANY

QUEUES = {"running", "scheduled", "failed", "seldom", "ready", "step", "pkey"}
PAGES = {
    "workers": ("worker_changelist", {"running"}),
    "queues": ("queue_changelist", QUEUES),
    "failures": ("failures", {"failed", "seldom", "pkey"}),
    "retry": ("failures_retry", {"failed", "fingerprint", "pkey"}),
    "schedules": ("schedule_changelist", {"pkey"}),
    "schedule": ("schedule_change", {"schedule", "pkey"}),
    "worker": ("worker_change", {"running"}),
    "queue": ("queue_change", QUEUES),
    "workflows": ("workflow_changelist", {"step", "pkey"}),
}


def own_jobs(request, jobs):
    """Narrow jobs to those of some functions."""
    return jobs.filter(name__startswith="x")


@pytest.fixture
def many_jobs(transactional_db):
    """Make a million jobs; the statistics stay as old as the test makes them."""
    with old_statistics(TABLE):
        yield _made()


def _made():
    sql(f"ANALYZE {TABLE}")
    worker = Worker.objects.create(hostname="web1", pid=1)
    schedule = Schedule.objects.create(
        name="one", function="tests.samples.anything", cron="0 3 * * *"
    )
    queue = Queue.objects.create(name="default")
    finished(MILLION)
    fill("ready", MANY)
    scheduled(MANY)
    running(500, worker=worker.pk)
    fill("failed", MANY, finished_at="now()", fingerprint="'ab' || n % 50")
    schedule.last_job = make_job(schedule=schedule)
    Schedule.objects.update(last_job=schedule.last_job)
    return {"worker_change": worker, "schedule_change": schedule, "queue_change": queue}


@pytest.mark.volume
def test_no_page_reads_what_has_ended(many_jobs, admin_client, settings, subtests):
    def check(who, most=MOST):
        for page, (name, allowed) in PAGES.items():
            with subtests.test(page, who=who):
                row = many_jobs.get(name)
                url = reverse(f"admin:django_jobs_{name}", args=[row.pk] if row else [])
                with CaptureQueriesContext(connection) as queries:
                    group = {"fingerprint": "ab1"} if page == "retry" else {}
                    assert admin_client.get(url, group).status_code == 200
                asked = [query["sql"] for query in queries if f'"{TABLE}"' in query["sql"]]
                assert asked or page in ("schedules", "workflows")
                for statement in asked:
                    assert ways_into_jobs(statement) <= allowed, statement
                    assert rows_handled(statement) < most, statement

    check("all, old statistics", MISLED)
    sql(f"ANALYZE {TABLE}")
    check("all")
    settings.DJANGO_JOBS = {"ADMIN_VISIBLE_JOBS": f"{__name__}.own_jobs"}
    check("limited")
