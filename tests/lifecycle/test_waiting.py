"""Jobs that wait for jobs, in workers that are killed: none is forgotten, none begins early."""

from __future__ import annotations

import os
import signal

from django.db import transaction

from django_jobs import enqueue_many
from django_jobs.models import Job, Link
from testproject.ledger.dependent import drain, in_mortal_vain, sea, source
from testproject.ledger.models import Effect, Gate
from tests.lifecycle.conftest import worker_pids
from tests.rows import row_of, state_of
from tests.threads import at_once, wait_until

CHAINS = 60


def first_effects():
    """Return the place in the order of the first effect of each label."""
    places: dict[str, int] = {}
    for place, label in Effect.objects.order_by("pk").values_list("pk", "label"):
        places.setdefault(label, place)
    return places


def test_a_killed_worker_leaves_nobody_waiting(runjobs):
    # Given chains of three, and two workers in the middle of them
    rows = enqueue_many([sea.job.with_kwargs(label=str(n)) for n in range(CHAINS)])
    command = runjobs("--processes", "2")
    wait_until(lambda: len(worker_pids()) == 2 and Effect.objects.count() > CHAINS)
    # When one of them is killed
    os.kill(worker_pids()[0], signal.SIGKILL)
    # Then all of them end well
    wait_until(lambda: Job.objects.filter(name=sea.job.func).succeeded().count() == CHAINS)
    assert len(rows) == CHAINS
    assert not Job.objects.filter(state="blocked").exists()
    # And none has begun before what it depends on had ended
    places = first_effects()
    for n in map(str, range(CHAINS)):
        assert places[f"source {n}"] < places[f"drain {n}"] < places[f"sea {n}"]
    # And what it depends on was enqueued once for each
    assert Job.objects.filter(name=source.job.func).count() == CHAINS
    assert "Traceback" not in command.output


def test_a_worker_that_is_killed_between_an_end_and_its_telling_leaves_that_to_another(runjobs):
    # Given a job that waits for one which is at a gate
    waiting = drain.enqueue("x")
    Job.objects.filter(pk=waiting.pk).update(priority=-5)
    source.enqueue("x", how="gate")
    first = runjobs("--processes", "0")
    wait_until(lambda: Link.objects.exists() and Effect.objects.exists())
    awaited = Job.objects.get(name=source.job.func)
    with transaction.atomic():
        # And somebody who holds the row of the one that waits, so that it cannot be told
        Job.objects.select_for_update().get(pk=waiting.pk)
        _open_gate("x")
        wait_until(lambda: row_of(awaited)["state"] == "succeeded")
        # When the worker is killed at this very moment
        first.send(signal.SIGKILL)
        first.process.wait(10)
    assert (state_of(waiting), row_of(awaited)["unsettled"]) == ("blocked", True)
    # Then another worker tells it, and runs it
    runjobs("--processes", "0")
    wait_until(lambda: state_of(waiting) == "succeeded")
    assert Effect.objects.filter(label="drain x").count() == 1


def test_one_that_depends_on_what_kills_its_worker_fails_and_says_so(runjobs):
    row = in_mortal_vain.enqueue("x")

    command = runjobs("--burst", "--processes", "1")
    wait_until(lambda: state_of(row) == "failed")

    message = row_of(row)["errors"][0]["message"]
    assert f"{source.job.func} #" in message
    assert "which failed: WorkerLost: " in message
    assert Effect.objects.filter(label="source x").count() == 3
    assert command.ends() == 0, command.output


def _open_gate(label):
    # By another connection: ours is in the transaction that holds the row.
    at_once(lambda: Gate.objects.create(name=label))
