"""Repid's page, its part about jobs (seeds 003, blocks 1 to 10): each block in its Django form."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta

import pytest
from asgiref.sync import async_to_sync
from django.utils import timezone

from django_jobs import JobSpec, Priority, aenqueue, enqueue, enqueue_many, job
from django_jobs.conf import Options
from django_jobs.exceptions import UnknownJob, UnknownQueue
from django_jobs.models import Job, Queue
from django_jobs.options import check_timeout
from django_jobs.registry import find
from tests.sources.runs import order_of_runs, ran, run

database = pytest.mark.django_db(transaction=True)


@job(name="my_awesome_job")
def awesome() -> None:
    """Be awesome."""


@job(name="retryable_job", retries=3)
def retryable() -> None:
    """Fail, however often it is tried."""
    raise ConnectionError("nobody answers")


@job(name="very_fast_job", timeout=timedelta(seconds=5))
def very_fast() -> None:
    """Take five seconds at most."""


@job(name="very_slow_job", timeout=timedelta(hours=2))
def very_slow() -> None:
    """Take two hours at most."""


@job(name="overdue_job", timeout=timedelta(seconds=0.2), retries=1)
async def overdue() -> None:
    """Take longer than it may."""
    await asyncio.sleep(60)


def test_a_job_needs_no_more_than_a_name():
    """Block 1: made outside of any connection: Django has these, and none is used here."""
    made = JobSpec("my_awesome_job")

    assert made.definition.func is awesome


@database
def test_an_undeclared_queue_is_no_error():
    """Block 2: the document has a KeyError here; a queue exists from its first use on."""
    assert not Queue.objects.filter(name="never-heard-of").exists()

    row = async_to_sync(aenqueue)(JobSpec("my_awesome_job", queue="never-heard-of"))

    assert (row.queue, row.state) == ("never-heard-of", Job.State.READY)
    assert Queue.objects.filter(name="never-heard-of").exists()
    assert ran(row).state == Job.State.SUCCEEDED


@database
def test_an_undeclared_queue_is_an_error_where_queues_are_strict(settings):
    """Block 2, for those who want its error: STRICT_QUEUES raises a LookupError, as KeyError is."""
    settings.DJANGO_JOBS = {"QUEUES": ["mail"], "STRICT_QUEUES": True}

    with pytest.raises(UnknownQueue, match="'default' is not declared") as caught:
        enqueue(JobSpec("my_awesome_job"))

    assert isinstance(caught.value, LookupError)
    assert not Job.objects.exists()


@database
def test_a_declared_queue_is_enqueued_to(settings):
    """Block 3: declared in the settings, and then there is no error; "default" is the default."""
    settings.DJANGO_JOBS = {"QUEUES": ["default"], "STRICT_QUEUES": True}

    row = enqueue(JobSpec("my_awesome_job"))

    assert (row.queue, row.created) == ("default", True)


@database
def test_queues_are_declared_beforehand_and_twice_is_once(settings):
    """Block 4: a worker declares the queues in the settings each time it starts."""
    settings.DJANGO_JOBS = {"QUEUES": ["default", "my_awesome_queue"]}

    run()
    run()

    assert set(Queue.objects.values_list("name", flat=True)) >= {"default", "my_awesome_queue"}
    assert Queue.objects.filter(name="my_awesome_queue").count() == 1


@database
def test_a_queue_is_given_as_text_or_as_a_queue():
    """Block 5: both are a queue; a job keeps its name."""
    my_awesome_job = JobSpec("my_awesome_job", queue="non-default-queue")
    another_job = JobSpec("my_awesome_job").with_queue(Queue(name="another-queue"))

    rows = enqueue_many([my_awesome_job, another_job])

    assert [row.queue for row in rows] == ["non-default-queue", "another-queue"]


@database
def test_three_priorities_have_names():
    """Block 6: HIGH before MEDIUM, which is the default, before LOW."""
    names = (Priority.LOW, None, Priority.MEDIUM, Priority.HIGH)

    low, default, medium, high = enqueue_many(JobSpec("my_awesome_job", priority=p) for p in names)

    assert default.priority == medium.priority == Priority.MEDIUM
    assert order_of_runs() == [row.pk for row in (high, default, medium, low)]


@database
def test_a_job_is_not_unique_unless_it_has_a_key():
    """Block 7: each enqueue makes a job with an id of its own."""
    non_unique_job = JobSpec("my_awesome_job")

    assert non_unique_job.is_unique is False
    assert enqueue(non_unique_job).pk != enqueue(non_unique_job).pk


@database
def test_a_job_with_a_key_is_unique():
    """Block 8: and here that is kept by the database, for any number of callers."""
    unique_job = JobSpec("my_awesome_job", unique_key="my_unique_id")

    assert unique_job.is_unique is True
    assert enqueue(unique_job).pk == enqueue(unique_job).pk


@database
def test_three_retries_are_four_runs():
    """Block 9: and then the job is among the dead letters, from where it can be sent again."""
    row = ran(enqueue(JobSpec("retryable_job")))

    assert (row.attempts, row.max_attempts, len(row.errors)) == (4, 4, 4)
    assert list(Job.objects.failed()) == [row]
    assert Job.objects.failed().retry() == 1
    assert ran(row).attempts == 4


@database
def test_no_retries_are_one_run():
    """Block 9, its text: the default is 0."""
    assert JobSpec("my_awesome_job").definition.max_attempts == 1
    once = ran(enqueue(JobSpec("retryable_job").with_max_attempts(1)))
    assert (once.state, once.attempts) == (Job.State.FAILED, 1)


@database
def test_a_timeout_is_a_timedelta():
    """Block 10: or a number of seconds; without one it is ten minutes."""
    fast, slow = enqueue_many([JobSpec("very_fast_job"), JobSpec("very_slow_job")])

    assert (fast.timeout, slow.timeout) == (timedelta(seconds=5), timedelta(hours=2))
    assert check_timeout(timedelta(hours=2)) == check_timeout(7200)
    assert Options().default_timeout == timedelta(minutes=10).total_seconds()


@database
def test_a_timeout_is_tried_again():
    """Block 10, its text: a run that takes too long is a failed one, and a reason for another."""
    began = time.monotonic()

    row = ran(enqueue(JobSpec("overdue_job")))

    assert time.monotonic() - began < 20
    assert (row.state, row.attempts) == (Job.State.FAILED, 2)
    assert [error["exception"].rpartition(".")[2] for error in row.errors] == ["JobTimeout"] * 2


@database
def test_a_name_that_nobody_has_is_refused_at_once():
    """What all blocks take for granted: the name is routed to a function, and so must have one."""
    assert find("my_awsome_job") is None
    with pytest.raises(UnknownJob, match="Did you mean 'my_awesome_job'"):
        enqueue(JobSpec("my_awsome_job"))
    # A row that was not made here waits for code that knows it, and is charged nothing.
    row = ran(Job.objects.create(name="my_awsome_job", scheduled_at=timezone.now()))
    assert (row.state, row.attempts) == (Job.State.SCHEDULED, 0)
