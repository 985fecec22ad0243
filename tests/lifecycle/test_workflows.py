"""Workflows while workers run and die: what comes after comes after all of it, and once."""

from __future__ import annotations

import os
import signal

from django.db import transaction

from django_jobs import chain, enqueue, group
from django_jobs.models import Job, Worker
from testproject.ledger.jobs import fail, give_back, leave_effect, nothing
from testproject.ledger.models import Effect
from tests.flowing import assert_counts
from tests.lifecycle.conftest import worker_pids
from tests.rows import sql
from tests.threads import wait_until

JOBS = 2000


def effect(label):
    return leave_effect.job.with_kwargs(label=label)


def test_ten_thousand_jobs_and_one_after_them(runjobs):
    # Given a batch of 10,000 with a callback that gets the results
    batch = group(*(give_back.job.with_kwargs(value=n) for n in range(10_000)))
    workflow = batch.then(give_back).enqueue()
    # When two workers have worked
    command = runjobs("--processes", "2", "--burst")
    assert command.ends(120) == 0, command.output
    # Then the callback has run once, and had them all
    workflow.refresh_from_db()
    assert (workflow.state, workflow.progress) == ("succeeded", (10_001, 10_001))
    assert workflow.results()["give_back 2"] == list(range(10_000))
    assert_counts(workflow)


def test_a_worker_that_is_killed_in_the_middle_of_a_fan_in_loses_nothing(runjobs):
    # Given two workers in the middle of a step of 2,000 jobs
    flow = group(*(effect(str(n)) for n in range(JOBS))) | effect("last") | effect("after it")
    workflow = flow.enqueue()
    command = runjobs("--processes", "2", "--burst")
    wait_until(lambda: len(worker_pids()) == 2 and Effect.objects.count() > 100)
    # When one is killed
    os.kill(worker_pids()[0], signal.SIGKILL)
    # Then the workflow comes to its end
    assert command.ends(60) == 0, command.output
    workflow.refresh_from_db()
    assert workflow.state == "succeeded"
    assert_counts(workflow)
    # And what waited has run once, after all of them
    last = Effect.objects.get(label="last")
    assert not Effect.objects.exclude(label="after it").filter(pk__gt=last.pk).exists()
    assert set(Effect.objects.values_list("label", flat=True)) == {
        *map(str, range(JOBS)), "last", "after it",
    }  # fmt: skip


def test_a_worker_that_is_killed_between_an_end_and_its_telling_leaves_it_to_the_next(runjobs):
    # Given a worker that has recorded the end of a job, and cannot tell the workflow of it
    workflow = chain(effect("first"), effect("second")).enqueue()
    with transaction.atomic():
        sql(f"SELECT 1 FROM django_jobs_workflow WHERE id = {workflow.pk} FOR NO KEY UPDATE")
        runjobs("--processes", "0")
        wait_until(lambda: Job.objects.succeeded().filter(unsettled=True).exists())
        victim = Worker.objects.get()
        # When it is killed
        os.kill(victim.pid, signal.SIGKILL)
    assert Job.objects.filter(state="blocked").count() == 1
    # Then another one tells of it
    command = runjobs("--burst")
    assert command.ends() == 0, command.output
    workflow.refresh_from_db()
    assert workflow.state == "succeeded"
    assert list(Effect.objects.order_by("pk").values_list("label", flat=True)) == [
        "first", "second",
    ]  # fmt: skip
    assert_counts(workflow)


def test_a_workflow_fails_cleans_up_and_is_resumed(runjobs):
    # Given a workflow of which a job fails
    bad = fail.job.with_kwargs(message="no")
    work = (group(bad, effect("beside")) | effect("after")).with_options(cleanup=effect("tidy"))
    workflow = enqueue(work)
    assert runjobs("--burst").ends() == 0
    workflow.refresh_from_db()
    assert workflow.state == "failed"
    assert set(Effect.objects.values_list("label", flat=True)) == {"beside", "tidy"}
    # When the failed job is mended and retried
    Job.objects.filter(name=fail.job.func).update(name=nothing.job.func, kwargs={})
    assert workflow.retry() == 2
    # Then the workflow goes on to its end
    assert runjobs("--burst").ends() == 0
    workflow.refresh_from_db()
    assert workflow.state == "succeeded"
    assert Effect.objects.filter(label="after").count() == 1
    assert Effect.objects.filter(label="tidy").count() == 1
    assert_counts(workflow)


def test_a_burst_is_not_over_while_somebody_else_tells_of_an_end(runjobs):
    # Given a burst that has ended a job, while somebody else has the workflow in hand
    workflow = chain(effect("first"), effect("second")).enqueue()
    with transaction.atomic():
        sql(f"SELECT 1 FROM django_jobs_workflow WHERE id = {workflow.pk} FOR NO KEY UPDATE")
        command = runjobs("--burst")
        wait_until(lambda: Job.objects.succeeded().filter(unsettled=True).exists())
        # When there is nothing to claim for a while
        looked = Job.objects.succeeded().get().finished_at
        wait_until(lambda: sql("SELECT clock_timestamp() > %s + interval '1.5 s'", looked)[0][0])
        assert command.process.poll() is None
    # Then it goes on as soon as that is over
    assert command.ends() == 0, command.output
    assert Effect.objects.filter(label="second").exists()
