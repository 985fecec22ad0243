"""Whoever waits for rows of jobs takes them in ascending id, so that nobody waits in a circle."""

from __future__ import annotations

from contextlib import nullcontext

import pytest
from django.db import connection, transaction

from django_jobs import engine
from django_jobs.models import Job, Link
from django_jobs.outcomes import Snoozed
from django_jobs.states import State
from tests.rows import (
    FAILED,
    RETENTION,
    block,
    ended,
    finish,
    held,
    make_job,
    new_job,
    settle,
    sql,
)  # fmt: skip
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


def enqueue(*keys):
    return engine.enqueue([new_job(unique_key=key) for key in keys], using="default")


def waiting():
    """Return how many connections wait for a lock."""
    sql("SELECT pg_stat_clear_snapshot()")
    return len(
        sql(
            "SELECT 1 FROM pg_stat_activity "
            "WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
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
            wait_until(lambda: waiting() or over)
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


def test_who_retries_takes_unique_keys_in_their_order(transactional_db):
    # Given failed jobs whose keys ascend where their ids descend
    first, second, third = (
        make_job(State.FAILED, unique_key=key).pk for key in ("key-3", "key-2", "key-1")
    )

    def hold_the_one_between():
        with transaction.atomic():
            enqueue("key-2")
            holding.append(1)
            wait_until(lambda: waiting() == 2)
            transaction.set_rollback(True)

    def retry():
        wait_until(lambda: holding)
        return engine.retry([first, second, third], using="default")

    def enqueue_crosswise():
        # When retry has the last key already, and waits for the one between
        wait_until(lambda: waiting() == 1)
        return [job.created for job in enqueue("key-1", "key-3")]

    holding = []

    # Then both get through, and who comes first has the keys
    _, retried, created = at_once(hold_the_one_between, retry, enqueue_crosswise)
    assert retried + sum(created) == 3
    assert Job.objects.ready().count() == 3


@pytest.mark.parametrize("around", [nullcontext, transaction.atomic], ids=["alone", "in a view"])
def test_a_key_that_comes_free_late_is_not_waited_for_by_who_has_later_ones(
    around, transactional_db
):
    # Given a job that holds the first of two keys
    holder = make_job(unique_key="key-1")

    def enqueue_and_look_late():
        with around(), connection.execute_wrapper(look_late):
            return enqueue("key-1", "key-2")

    def look_late(execute, statement, params, many, context):
        # Who has inserted the second key looks for the holder of the first when that has ended,
        # and somebody else has inserted both, but for the one that we have.
        if "SELECT unique_key" in statement and not looking:
            looking.append(1)
            wait_until(lambda: waiting() == 1)
        return execute(statement, params, many, context)

    def enqueue_when_the_first_comes_free():
        wait_until(lambda: looking)
        cancel(holder)
        return enqueue("key-1", "key-2")

    looking = []

    # Then the two do not wait for each other, and both get the same jobs
    late, early = at_once(enqueue_and_look_late, enqueue_when_the_first_comes_free)
    assert [job.pk for job in late] == [job.pk for job in early]
    assert [job.unique_key for job in late] == ["key-1", "key-2"]
    assert Job.objects.ready().count() == 2
