"""Whoever waits for rows of jobs takes them in ascending id, so that nobody waits in a circle."""

from __future__ import annotations

import pytest
from django.db import transaction

from django_jobs import engine
from django_jobs.models import Job, Link
from django_jobs.outcomes import Snoozed
from tests.rows import FAILED, RETENTION, block, ended, finish, held, make_job, settle, sql
from tests.threads import at_once, wait_until

#: Rows in the table, and those that a verb is about: so few that the planner may scan them all.
COUNT, BATCH = 100, 50


@pytest.fixture
def jobs(transactional_db):
    """Return running jobs whose rows lie in the table the other way round."""
    sql(
        "INSERT INTO django_jobs_job (id, name, state, worker_id, claims, attempts, max_attempts)"
        f" SELECT 1000000 - n, 'x', 'running', 1, 1, 1, 9 FROM generate_series(1, {COUNT}) AS n"
    )
    sql("ANALYZE django_jobs_job")
    return list(Job.objects.order_by("id")[:BATCH])


def cancel(job):
    return engine.cancel([job.pk], retention=60, using="default")


def somebody_waits():
    sql("SELECT pg_stat_clear_snapshot()")
    return sql(
        "SELECT 1 FROM pg_stat_activity "
        "WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )


def let_wait(jobs):
    """Let all jobs wait for one, which has ended; those that somebody holds are left running."""
    cause = make_job("failed", unsettled=True)
    Link.objects.bulk_create(Link(waiting=job, awaited=cause) for job in jobs)
    return Job.objects.filter(pk__in=[job.pk for job in jobs[1:-1]]).update(
        state="blocked", worker=None
    )


VERBS = {
    "finish well": lambda jobs: finish(*(ended(held(job)) for job in jobs)),
    "finish badly": lambda jobs: finish(*(ended(held(job), FAILED) for job in jobs)),
    "finish for now": lambda jobs: finish(*(ended(held(job), Snoozed(5)) for job in jobs)),
    "release": lambda jobs: engine.release([held(job) for job in jobs], using="default"),
    "disown": lambda jobs: engine.disown(1, [], using="default"),
    "mark started": lambda jobs: engine.mark_started(
        [(job.pk, 1, 1.0) for job in jobs], using="default"
    ),
    "cancel": lambda jobs: engine.cancel(
        [job.pk for job in jobs[::-1]], retention=60, using="default"
    ),
    "block": lambda jobs: block(held(jobs[BATCH // 2]), *jobs[: BATCH // 2 - 1], jobs[-1]),
    "settle": lambda jobs: let_wait(jobs) and settle(),
    "rescue": lambda jobs: engine.rescue([1], reason="", retention=RETENTION, using="default"),
}


@pytest.mark.parametrize("verb", VERBS.values(), ids=VERBS)
def test_a_verb_that_waits_for_the_first_job_holds_none_of_the_others(verb, jobs):
    def cancel_first_and_last():
        with transaction.atomic():
            cancel(jobs[0])
            started.append(1)
            wait_until(lambda: somebody_waits() or over)
            cancel(jobs[-1])

    def interfere():
        wait_until(lambda: started)
        try:
            verb(jobs)
        finally:
            over.append(1)

    started, over = [], []

    at_once(cancel_first_and_last, interfere)

    assert Job.objects.cancelled().filter(pk=jobs[0].pk).exists()
