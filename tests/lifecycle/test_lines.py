"""Short jobs of a key that lets one run: claimed in lines, run one after the other."""

from __future__ import annotations

import os
import signal

from django_jobs import enqueue_many
from django_jobs.models import Job, Worker
from testproject.ledger.limited import run_one_per_key
from testproject.ledger.models import Effect, Gate
from tests.threads import wait_until

KEYS = ("a", "b")


def spec(label, key="a", **more):
    return run_one_per_key.job.with_kwargs(label=str(label), key=key, **more)


def test_of_a_key_no_two_jobs_run_at_once_by_several_workers(runjobs):
    # Given short jobs of two keys
    enqueue_many([spec(number, key) for number in range(150) for key in KEYS])
    # When two workers run them
    command = runjobs("--burst", "--processes", "2")
    assert command.ends() == 0, command.output
    # Then all have ended, and of each key one had ended before another began
    assert Job.objects.succeeded().count() == 300
    for key in KEYS:
        told = Effect.objects.filter(label__startswith=f"line {key}/").order_by("pk")
        labels = list(told.values_list("label", flat=True))
        assert labels[1::2] == [label.replace("begun", "ended") for label in labels[::2]]


def test_who_stands_in_line_behind_a_long_job_is_given_back_and_not_charged(runjobs):
    # Given short jobs of a key, and among them one that does not end
    enqueue_many([spec(number) for number in range(40)])
    (long,) = enqueue_many([spec("long", gate="line")])
    enqueue_many([spec(number) for number in range(40, 80)])
    # When they are run by a lone worker
    runjobs("--processes", "0")
    # Then those behind the long one are ready again, as if nobody had claimed them
    wait_until(lambda: Job.objects.succeeded().count() == 40)
    wait_until(lambda: [job.pk for job in Job.objects.running()] == [long.pk])
    assert Job.objects.ready().filter(attempts=0).count() == 40
    wait_until(lambda: Job.objects.get(pk=long.pk).started_at)
    # And when the worker is killed, another runs all of them; the long one alone is charged
    os.kill(Worker.objects.get().pid, signal.SIGKILL)
    Gate.objects.create(name="line")
    runjobs("--processes", "0")
    wait_until(lambda: Job.objects.succeeded().count() == 81)
    assert Job.objects.get(attempts__gt=1).pk == long.pk
