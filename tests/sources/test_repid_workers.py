"""Repid's page, actors and workers (seeds 003, blocks 11 to 22): each block in its Django form."""

from __future__ import annotations

import asyncio
import inspect
import os
import signal
import threading
from datetime import timedelta

import pytest
from asgiref.sync import async_to_sync
from django.utils import timezone

from django_jobs import JobSpec, aenqueue, enqueue, enqueue_many, job
from django_jobs.backoff import Exponential
from django_jobs.conf import Options
from django_jobs.exceptions import DuplicateJobName
from django_jobs.models import Job, Queue
from django_jobs.orders import WorkerOptions
from django_jobs.registry import find
from django_jobs.worker.worker import Worker
from testproject.ledger.examples import my_synchronous_function
from testproject.ledger.jobs import wait_at_gate
from testproject.ledger.models import Effect, Gate
from tests.lifecycle.conftest import worker_pids
from tests.sources.runs import ran, run
from tests.threads import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

#: Seconds before the next attempt, after the first failure, the second and so on.
FIVEFOLD = Exponential(minimum=60, maximum=86400, multiplier=5, max_exponent=15)

router = job.with_defaults(queue="first")
other_router = job.with_defaults(queue="second", retries=2)


@job
async def my_awesome_function() -> None:
    """Say hello."""
    print("Hello Repid!")


@job(name="another_name")
async def my_renamed_function() -> None:
    """Say hello under another name."""
    print("Hello Repid!")


@job(queue="another_queue")
async def my_function_elsewhere() -> None:
    """Wait on another queue."""


@job(max_attempts=20, backoff=FIVEFOLD)
async def my_exceptional_function() -> None:
    """Fail."""
    raise Exception("Some random exception.")


@job(max_attempts=20, backoff=lambda retry_number=1: retry_number * 100)
async def my_other_exceptional_function() -> None:
    """Fail too."""
    raise Exception("Some random exception.")


@router
def routed() -> None:
    """Be on one router."""


@other_router(retries=0)
def routed_elsewhere() -> None:
    """Be on another."""


@job
async def endless() -> None:
    """Go on for longer than anybody waits."""
    await asyncio.sleep(600)


@job(name="awesome_hello")
async def awesome_hello() -> None:
    """Say hello."""
    print("Hello from an actor!")


def test_an_actor_is_a_function_that_stays_as_it_was(capsys):
    """Block 11: @job is the router's decorator; the function can be called as before."""
    assert inspect.iscoroutinefunction(my_awesome_function)
    asyncio.run(my_awesome_function())
    assert ran(enqueue(my_awesome_function)).state == Job.State.SUCCEEDED
    assert capsys.readouterr().out == "Hello Repid!\n" * 2


def test_an_actor_may_have_another_name(capsys):
    """Block 12: its name is what rows say. By default it is the import path, so none are taken."""
    row = enqueue(my_renamed_function)

    assert (row.name, my_awesome_function.job.func) == (
        "another_name",
        f"{__name__}.my_awesome_function",
    )
    assert enqueue(JobSpec("another_name")).name == row.name
    assert run().succeeded == 2
    assert capsys.readouterr().out == "Hello Repid!\n" * 2


def test_an_actor_may_have_another_queue():
    """Block 13: its jobs wait there, and workers of other queues leave them alone."""
    row = enqueue(my_function_elsewhere)

    assert row.queue == "another_queue"
    assert run(queues=("default",)).processed == 0
    assert run(queues=("another_queue",)).succeeded == 1


def test_an_actor_may_run_in_a_process(test_database_for_children, settings):
    """Block 14: run_in_process is executor="process"; without it a plain function has a thread."""
    settings.DJANGO_JOBS = {"JOB_PROCESSES": 1}

    row = ran(enqueue(my_synchronous_function))

    assert row.state == Job.State.SUCCEEDED
    assert row.result not in (None, os.getpid())
    assert routed.job.definition.executor.name == "thread"


def test_a_retry_policy_is_made_of_four_numbers(settings):
    """Block 15: Exponential has the formula of the document, and its defaults too."""
    settings.DJANGO_JOBS = {"BACKOFF_JITTER": 0}

    assert [FIVEFOLD(n) for n in range(1, 8)] == [60, 60, 60, 80, 160, 320, 640]
    assert FIVEFOLD(15) == FIVEFOLD(1000) == 86400
    assert [Exponential()(n) for n in range(1, 5)] == [10, 20, 40, 80]
    assert waits(enqueue(my_exceptional_function), 4) == [60, 60, 60, 80]


def test_any_function_is_a_retry_policy(settings):
    """Block 16: it gets the number of the attempt that failed, and returns seconds."""
    settings.DJANGO_JOBS = {"BACKOFF_JITTER": 0}

    assert waits(enqueue(my_other_exceptional_function), 3) == [100, 200, 300]


def test_a_worker_runs_what_is_registered_where_it_runs(capsys):
    """Block 17: nothing is assigned to a worker; it knows the functions of its process."""
    enqueue(my_awesome_function)

    assert Worker(WorkerOptions(burst=True)).run().succeeded == 1
    assert capsys.readouterr().out == "Hello Repid!\n"


def test_routers_need_not_be_included():
    """Block 18: with_defaults makes what routers are for; every jobs.py is found by itself."""
    rows = enqueue_many([routed, routed_elsewhere])

    assert [(row.queue, row.max_attempts) for row in rows] == [("first", 1), ("second", 1)]
    assert find("testproject.shop.jobs.send_receipt") is not None
    assert run(queues=("first", "second")).succeeded == 2


@pytest.mark.usefixtures("own_registry")
def test_a_second_actor_of_one_name_is_refused():
    """Block 18, its warning: there the second one wins in silence."""
    with pytest.raises(DuplicateJobName, match="another_name"):
        job(name="another_name")(elsewhere)


def elsewhere() -> None:
    """Want a name that is taken."""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_a_worker_runs_until_a_signal_comes(runjobs, number):
    """Block 19: manage.py runjobs; by default there is no limit of jobs. It declares its queues."""
    Queue.objects.all().delete()
    assert (Options().stop_signals, WorkerOptions().max_jobs) == (("SIGINT", "SIGTERM"), None)
    command = runjobs()
    wait_until(worker_pids)

    command.send(number)

    assert command.ends() == 0, command.output
    assert Queue.objects.filter(name="default").exists()


def test_the_limits_of_a_worker_are_flags(runjobs):
    """Block 20: a hundred seconds of grace, ten thousand jobs, and SIGQUIT alone."""
    wait_at_gate.enqueue(label="gate")
    command = runjobs(
        "--shutdown-timeout", "100.0", "--max-jobs", "10000", "--stop-signal", "SIGQUIT"
    )
    wait_until(Effect.objects.exists)

    command.send(signal.SIGQUIT)
    wait_until(lambda: "supervisor.stopping" in command.output)
    Gate.objects.create(name="gate")

    assert command.ends() == 0, command.output
    assert Job.objects.succeeded().count() == 1
    assert "Processed 1 job in" in command.output


def test_a_job_beyond_the_grace_goes_back_and_is_not_charged():
    """Block 20, its text: 25 seconds unless given; what still runs then is stopped, uncounted."""
    assert Options().shutdown_timeout == 25.0
    row = enqueue(endless)
    worker = Worker(WorkerOptions(shutdown_timeout=0.1))
    thread = threading.Thread(target=worker.run)
    thread.start()
    wait_until(lambda: Job.objects.running().exists())

    worker.stop()
    thread.join(20)

    row.refresh_from_db()
    assert (row.state, row.attempts, row.worker) == (Job.State.READY, 0, None)


def test_the_number_of_jobs_is_exact():
    """Block 20, its text: with a limit of one and two jobs at hand, one is run."""
    enqueue_many([my_awesome_function] * 2)

    assert run(max_jobs=1, concurrency=2).processed == 1
    assert (Job.objects.succeeded().count(), Job.objects.ready().count()) == (1, 1)


def test_a_worker_says_how_many_it_has_processed():
    """Block 21: what run() returns has .processed; attempts that failed count too."""
    enqueue_many([my_awesome_function, my_awesome_function, my_exceptional_function.job])

    runner = run()

    assert (runner.processed, runner.succeeded, runner.retried) == (3, 2, 1)


def test_producer_and_consumer(capsys):
    """Block 22: the whole of it."""

    async def producer_side() -> None:
        await aenqueue(JobSpec("awesome_hello"))

    async_to_sync(producer_side)()
    assert run(max_jobs=1).processed == 1

    assert capsys.readouterr().out == "Hello from an actor!\n"


def waits(row: Job, count: int) -> list[int]:
    """Let a job fail so many times, and return for how many seconds it was to wait each time."""
    found = []
    for _ in range(count):
        ran(row)
        assert row.state == Job.State.SCHEDULED
        found.append(round((row.scheduled_at - row.started_at) / timedelta(seconds=1)))  # type: ignore[operator]
        Job.objects.filter(pk=row.pk).update(scheduled_at=timezone.now())
    return found
