"""The oldest document about Chancy's jobs (seeds 001): each block of code in its Django form."""

from __future__ import annotations

import dataclasses

import pytest
from asgiref.sync import async_to_sync

from django_jobs import JobSpec, aenqueue, enqueue
from django_jobs.models import Job
from tests.sources.runs import order_of_runs, run

pytestmark = pytest.mark.django_db(transaction=True)


def my_dummy_task(name: str) -> None:
    """Say hello; a plain function, which nothing was put on."""
    print(f"Hello, {name}!")


def test_a_plain_function_is_a_job_without_being_wrapped(capsys):
    """Block 1: a function is pushed as it is. The queue needs no declaration, the app no DSN."""

    async def main() -> None:
        await aenqueue(JobSpec.from_func(my_dummy_task, kwargs={"name": "world"}))

    async_to_sync(main)()
    report = run(queues=("default",), concurrency=10)

    assert not hasattr(my_dummy_task, "job")
    assert (report.succeeded, capsys.readouterr().out) == (1, "Hello, world!\n")


def test_one_spec_is_used_again_and_never_changes(capsys):
    """Block 2: pushed twice it makes two jobs, and with_priority makes another spec."""
    hello_world = JobSpec.from_func(my_dummy_task, kwargs={"name": "world"})

    enqueue(hello_world)
    enqueue(hello_world)
    enqueue(hello_world.with_priority(10))

    assert list(Job.objects.order_by("pk").values_list("priority", flat=True)) == [0, 0, 10]
    assert hello_world.priority is None
    with pytest.raises(dataclasses.FrozenInstanceError):
        hello_world.priority = 10  # type: ignore[misc]
    assert run().succeeded == 3
    assert capsys.readouterr().out == "Hello, world!\n" * 3


def test_higher_priorities_run_first_where_this_document_says_lower():
    """Block 3: the document has lower values first; here, as in the newest one, higher are."""
    hello_world = JobSpec.from_func(my_dummy_task, kwargs={"name": "world"})

    plain = enqueue(hello_world)
    higher = enqueue(hello_world.with_priority(10))
    lower = enqueue(hello_world.with_priority(-10))
    second = enqueue(hello_world)

    # And two of one priority run in the order they were received.
    assert order_of_runs() == [job.pk for job in (higher, plain, second, lower)]
