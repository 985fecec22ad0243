"""Chancy's page "Make Jobs" (seeds 002), the newest of the three: each block in its Django form."""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.utils import timezone

from django_jobs import JobSpec, aenqueue, aenqueue_many, enqueue, job
from django_jobs.exceptions import UnsupportedOption
from django_jobs.models import Job
from tests.sources.runs import order_of_runs, ran, run

pytestmark = pytest.mark.django_db(transaction=True)


@job()
def greet() -> None:
    """Greet the world."""
    print("Hello world!")


@job(queue="default", priority=1, max_attempts=3, kwargs={"name": "World"})
def greet_by_name(*, name: str) -> None:
    """Greet somebody."""
    print(f"Hello, {name}!")


@job()
def greet_whoever(*, name: str) -> None:
    """Greet somebody, whom nobody has named yet."""
    print(f"Hello, {name}!")


@job(max_attempts=3)
def greet_in_vain() -> None:
    """Find nobody to greet."""
    raise LookupError("nobody is here")


def limited(*, name: str) -> None:
    """Greet somebody within limits."""


def test_the_decorator_makes_a_job(capsys):
    """Block 1: a function with @job() can be enqueued."""
    assert ran(greet.enqueue()).state == Job.State.SUCCEEDED
    assert capsys.readouterr().out == "Hello world!\n"


def test_the_function_can_still_be_called(capsys):
    """Block 2: a call is a call, here and now, and makes no job."""
    greet()

    assert capsys.readouterr().out == "Hello world!\n"
    assert not Job.objects.exists()


def test_defaults_are_declared_with_the_function(capsys):
    """Block 3: queue, priority, attempts and arguments, unless something else is said."""
    row = enqueue(greet_by_name)

    assert (row.queue, row.priority, row.max_attempts) == ("default", 1, 3)
    assert row.kwargs == {"name": "World"}
    assert ran(row).state == Job.State.SUCCEEDED
    assert capsys.readouterr().out == "Hello, World!\n"


def test_with_kwargs_makes_another_job(capsys):
    """Block 4: with_kwargs takes keywords too, and replaces all that was declared."""
    alice = greet_by_name.job.with_kwargs(name="Alice")

    row = async_to_sync(aenqueue)(alice)

    assert (row.kwargs, row.priority, row.max_attempts) == ({"name": "Alice"}, 1, 3)
    assert greet_by_name.job.kwargs == {"name": "World"}
    run()
    assert capsys.readouterr().out == "Hello, Alice!\n"
    with pytest.raises(TypeError, match=r"missing a required .*'name'"):
        enqueue(greet_by_name.job.with_kwargs())


def test_the_function_itself_can_be_pushed(capsys):
    """Block 5: push(greet) is enqueue(greet), with no connection to open first."""
    row = async_to_sync(aenqueue)(greet)

    assert (row.name, row.created) == (f"{__name__}.greet", True)
    assert ran(row).state == Job.State.SUCCEEDED
    assert capsys.readouterr().out == "Hello world!\n"


def test_several_jobs_are_pushed_at_once():
    """Block 6: push_many is enqueue_many, all or none, in the order given."""
    job1, job2, job3 = (greet_by_name.job.with_kwargs(name=f"number {n}") for n in (1, 2, 3))

    rows = async_to_sync(aenqueue_many)([job1, job2, job3])

    assert [row.kwargs["name"] for row in rows] == ["number 1", "number 2", "number 3"]
    assert [row.pk for row in rows] == sorted(row.pk for row in rows)


def test_the_reference_can_be_waited_for(running_worker, capsys):
    """Block 7: the row is the reference; it is waited for, and says how the job ended."""

    async def main() -> Job:
        reference = await aenqueue(greet)
        return await reference.await_(timeout=20)

    finished_job = async_to_sync(main)()

    assert finished_job.state == finished_job.State.SUCCEEDED
    assert enqueue(greet).wait(timeout=20).state == Job.State.SUCCEEDED
    assert capsys.readouterr().out == "Hello world!\n" * 2


def test_higher_priorities_run_first():
    """Block 8: the higher, the sooner; 0 lies between 10 and -10."""
    higher_priority_job = greet.job.with_priority(10)
    lower_priority_job = greet.job.with_priority(-10)

    lower, plain, higher = enqueue_each(lower_priority_job, greet.job, higher_priority_job)

    assert order_of_runs() == [higher.pk, plain.pk, lower.pk]


def test_max_attempts_is_how_often_a_job_runs_in_all():
    """Block 9: three runs, as upstream has it, though its text speaks of retries.

    Repid's ``retries=3`` makes four.
    """
    assert greet.job.with_max_attempts(3).max_attempts == 3
    row = ran(enqueue(greet_in_vain.job.with_max_attempts(3)))
    assert (row.state, row.attempts, len(row.errors)) == (Job.State.FAILED, 3, 3)


def test_a_job_for_later_runs_at_that_time_or_after_it():
    """Block 10: in an hour; never before."""
    in_an_hour = timezone.now() + timedelta(hours=1)
    future_job = greet.job.with_scheduled_at(in_an_hour)

    row = ran(enqueue(future_job))

    assert (row.state, row.scheduled_at) == (Job.State.SCHEDULED, in_an_hour)
    assert enqueue(greet.job.with_scheduled_at(timedelta(hours=1))).state == Job.State.SCHEDULED


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited where there is /proc")
@pytest.mark.usefixtures("own_registry")
def test_limits_are_declared_with_the_function():
    """Block 11: memory and time; an executor that cannot limit memory refuses instead of ignoring.

    That the limits hold is shown by the test of block 9 of the document of July 2024.
    """
    limits: Any = {"memory_limit": 1024 * 1024 * 1024, "timeout": 60}

    row = job(executor="process", **limits)(limited).enqueue(name="Alice")

    assert (row.memory_limit, row.timeout) == (1024**3, timedelta(minutes=1))
    with pytest.raises(UnsupportedOption, match="cannot limit memory"):
        job(**limits)(limited)


def test_one_job_at_a_time_has_a_unique_key(capsys):
    """Block 12: one that is queued or runs; any number that have ended, well or not."""
    spec = greet_whoever.job.with_unique_key("greet_alice").with_kwargs(name="Alice")

    first = enqueue(spec)
    assert not enqueue(spec).created
    assert ran(first).state == Job.State.SUCCEEDED
    second = enqueue(spec)
    assert second.created
    assert ran(second).state == Job.State.SUCCEEDED

    assert Job.objects.succeeded().filter(unique_key="greet_alice").count() == 2
    assert capsys.readouterr().out == "Hello, Alice!\n" * 2


def enqueue_each(*specs: JobSpec) -> list[Job]:
    """Enqueue one after the other."""
    return [enqueue(spec) for spec in specs]
