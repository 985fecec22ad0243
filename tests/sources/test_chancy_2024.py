"""The document about Chancy's jobs of July 2024 (seeds 000): each block of code, the Django way."""

from __future__ import annotations

import sys
from datetime import timedelta

import pytest
from asgiref.sync import async_to_sync
from django.utils import timezone

from django_jobs import JobSpec, aenqueue, aenqueue_many, enqueue
from django_jobs.exceptions import JobTimeout, MemoryLimitExceeded
from django_jobs.models import Job
from testproject.ledger.examples import my_hungry_task
from tests.sources.runs import order_of_runs, ran, run

pytestmark = pytest.mark.django_db(transaction=True)

HERE = "tests.sources.test_chancy_2024"


def my_dummy_task(name: str) -> None:
    """Say hello."""
    print(f"Hello, {name}!")


def my_broken_task(name: str) -> None:
    """Say hello, and fail."""
    print(f"Hello, {name}!")
    raise ValueError("Oops!")


def generate_report(user_id: int) -> None:
    """Generate an expensive report."""


hello_world = JobSpec.from_func(my_dummy_task, kwargs={"name": "world"})


def test_a_job_is_made_from_a_function(capsys):
    """Block 1: from_func keeps the import path of the function and its arguments."""
    made = JobSpec.from_func(my_dummy_task, kwargs={"name": "world"})

    assert (made.func, made.kwargs) == (f"{HERE}.my_dummy_task", {"name": "world"})
    assert ran(enqueue(made)).state == Job.State.SUCCEEDED
    assert capsys.readouterr().out == "Hello, world!\n"


def test_a_job_is_made_from_an_import_path(capsys):
    """Block 2: the path alone is as good as the function."""
    made = JobSpec(func=f"{HERE}.my_dummy_task", kwargs={"name": "world"})

    assert made == hello_world
    assert ran(enqueue(made)).state == Job.State.SUCCEEDED
    assert capsys.readouterr().out == "Hello, world!\n"


def test_with_kwargs_makes_another_job_with_other_arguments():
    """Block 3: with_kwargs takes a dict and replaces what was there, in another job."""
    hello_bob = hello_world.with_kwargs({"name": "bob"})

    assert hello_bob.kwargs == {"name": "bob"}
    assert hello_world.kwargs == {"name": "world"}
    assert JobSpec("x", kwargs={"a": 1, "b": 2}).with_kwargs({"a": 3}).kwargs == {"a": 3}


def test_a_job_is_pushed_to_a_queue(capsys):
    """Block 4: the app, its DSN and its migration are Django's; the concurrency is the worker's."""

    async def main() -> Job:
        return await aenqueue(hello_world.with_queue("default"))

    row = async_to_sync(main)()

    assert (row.queue, row.state) == ("default", Job.State.READY)
    assert run(queues=("default",), concurrency=10).succeeded == 1
    assert capsys.readouterr().out == "Hello, world!\n"


def test_many_jobs_are_pushed_at_once(capsys):
    """Block 5: as many as you like in one transaction, the same one twice if you want it twice."""
    hello_bob = hello_world.with_kwargs({"name": "bob"})

    rows = async_to_sync(aenqueue_many)([hello_world, hello_bob, hello_world])

    assert [row.kwargs["name"] for row in rows] == ["world", "bob", "world"]
    assert len({row.pk for row in rows}) == 3
    assert run(concurrency=1).succeeded == 3
    assert capsys.readouterr().out == "Hello, world!\nHello, bob!\nHello, world!\n"


def test_higher_priorities_run_first_where_this_document_says_lower():
    """Block 6: any integer, 0 by default; of two meanings in the documents the newest holds."""
    plain = enqueue(hello_world)
    ten = enqueue(hello_world.with_priority(10))
    minus_ten = enqueue(hello_world.with_priority(-10))

    assert plain.priority == 0
    assert order_of_runs() == [ten.pk, plain.pk, minus_ten.pk]


def test_max_attempts_is_how_often_a_job_runs_in_all(capsys):
    """Block 7: a job that always fails is run three times, and then kept for inspection."""
    made = JobSpec.from_func(my_broken_task, kwargs={"name": "world"}, max_attempts=3)

    row = ran(enqueue(made))

    assert capsys.readouterr().out == "Hello, world!\n" * 3
    assert (row.state, row.attempts) == (Job.State.FAILED, 3)
    assert [(error["attempt"], error["message"]) for error in row.errors] == [
        (1, "Oops!"),
        (2, "Oops!"),
        (3, "Oops!"),
    ]


def test_a_job_is_not_retried_unless_somebody_says_so(capsys):
    """Block 7, its text: by default there are no retries."""
    row = ran(enqueue(JobSpec.from_func(my_broken_task, kwargs={"name": "world"})))

    assert capsys.readouterr().out == "Hello, world!\n"
    assert (row.state, row.attempts) == (Job.State.FAILED, 1)


def test_a_job_for_tomorrow_is_not_run_today(capsys):
    """Block 8: it is stored, not picked up before its time, and as soon as possible after it."""
    tomorrow = timezone.now() + timedelta(days=1)

    row = ran(enqueue(hello_world.with_scheduled_at(tomorrow)))

    assert (row.state, row.scheduled_at, row.attempts) == (Job.State.SCHEDULED, tomorrow, 0)
    assert capsys.readouterr().out == ""
    # A day later:
    Job.objects.filter(pk=row.pk).update(scheduled_at=timezone.now())
    assert ran(row).state == Job.State.SUCCEEDED
    assert capsys.readouterr().out == "Hello, world!\n"


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited where there is /proc")
def test_a_job_has_a_gigabyte_and_a_minute(test_database_for_children, settings):
    """Block 9: within its limits a job runs; beyond them a MemoryError or a TimeoutError is raised.

    Nobody waits for the minute here: the time limit is shortened for the job that exceeds it.
    """
    settings.DJANGO_JOBS = {"JOB_PROCESSES": 1}
    limited = JobSpec.from_func(
        my_hungry_task, kwargs={"name": "world"}, memory_limit=1024 * 1024 * 1024, timeout=60
    )

    modest = enqueue(limited)
    hungry = enqueue(limited.with_kwargs(name="world", megabytes=2048))
    slow = enqueue(limited.with_kwargs(name="world", seconds=30).with_timeout(0.3))
    run()

    for row in (modest, hungry, slow):
        row.refresh_from_db()
    assert (modest.memory_limit, modest.timeout) == (1024**3, timedelta(seconds=60))
    assert (modest.state, modest.result) == (Job.State.SUCCEEDED, "Hello, world! 0")
    assert (hungry.state, slow.state) == (Job.State.FAILED, Job.State.FAILED)
    assert hungry.errors[0]["exception"].endswith(f".{MemoryLimitExceeded.__name__}")
    assert slow.errors[0]["exception"].endswith(f".{JobTimeout.__name__}")
    assert issubclass(MemoryLimitExceeded, MemoryError)
    assert issubclass(JobTimeout, TimeoutError)


def test_a_report_that_is_asked_for_twice_is_made_once():
    """Block 10: a second request before the first one has ended is ignored, over all queues."""
    user_id = 1234
    report = JobSpec(
        func=f"{HERE}.generate_report",
        kwargs={"user_id": user_id},
        unique_key=f"hello_world_{user_id}",
    )

    first, second = enqueue(report), enqueue(report.with_queue("other"))

    assert (first.created, second.created) == (True, False)
    assert (second.pk, second.queue) == (first.pk, "default")
    # And when the first one is finished it may be asked for again.
    assert ran(first).state == Job.State.SUCCEEDED
    assert enqueue(report).pk != first.pk
