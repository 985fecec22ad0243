"""How runjobs comes to an end by itself."""

from __future__ import annotations

import time
from datetime import timedelta

from django_jobs import enqueue, enqueue_many, pause_queue
from django_jobs.models import Job
from testproject.ledger.jobs import flaky, leave_effect, nothing, take_time
from testproject.ledger.models import Effect


def test_a_burst_ends_when_nothing_is_due(runjobs):
    # Given jobs that are due, one that is not, and one on a paused queue
    enqueue_many([nothing.job] * 20)
    enqueue(nothing.job.with_scheduled_at(timedelta(hours=1)))
    enqueue(nothing.job.with_queue("paused"))
    pause_queue("paused")
    # When they are run in a burst by two processes
    command = runjobs("--burst", "--processes", "2")
    # Then it ends, and says what it did
    assert command.ends() == 0, command.output
    assert "Processed 20 jobs" in command.output
    assert "20 succeeded, 0 to be retried, 0 failed." in command.output
    assert (Job.objects.scheduled().count(), Job.objects.ready().count()) == (1, 1)


def test_a_burst_runs_what_its_jobs_enqueue_and_retries_that_are_due(runjobs):
    # Given a job that fails twice, with no wait between its attempts
    flaky.enqueue(label="flaky", failures=2)
    # When it is run in a burst
    command = runjobs("--burst")
    # Then it has succeeded at its third attempt
    assert command.ends() == 0, command.output
    job = Job.objects.get()
    assert (job.state, job.attempts, len(job.errors)) == (Job.State.SUCCEEDED, 3, 2)
    assert "1 succeeded, 2 to be retried, 0 failed." in command.output


def test_max_jobs_is_exact_over_all_processes(runjobs):
    # Given more jobs than may be run
    enqueue_many([leave_effect.job.with_kwargs(label=str(n)) for n in range(500)])
    # When two processes may run 123 of them
    command = runjobs("--max-jobs", "123", "--processes", "2")
    # Then exactly so many have run, and nobody holds another
    assert command.ends() == 0, command.output
    assert Effect.objects.count() == 123
    assert Job.objects.succeeded().count() == 123
    assert Job.objects.ready().filter(attempts=0).count() == 500 - 123
    assert "Processed 123 jobs" in command.output


def test_max_seconds_ends_an_idle_command(runjobs):
    # Given a command that may run for a second
    began = time.monotonic()
    command = runjobs("--max-seconds", "1")
    # Then it ends by itself
    assert command.ends() == 0, command.output
    assert 1 <= time.monotonic() - began < 15


def test_only_the_named_queues_are_served(runjobs):
    # Given jobs on three queues
    enqueue_many([nothing.job.with_queue(name) for name in ("a", "b", "c")])
    # When two of them are served
    command = runjobs("--burst", "--queue", "a", "--queue", "c")
    # Then the jobs of the third stay
    assert command.ends() == 0, command.output
    assert Job.objects.ready().get().queue == "b"


def test_short_jobs_are_not_held_up_behind_a_long_one(runjobs):
    # Given short jobs, so that the worker claims ahead, then long ones, then short ones again
    enqueue_many([nothing.job] * 300)
    long = take_time.job.with_kwargs(label="long", seconds=3)
    enqueue_many([long, long, *[nothing.job] * 100])
    # When two workers of one place each run them
    command = runjobs("--burst", "--processes", "2", "--concurrency", "1")
    # Then what was claimed ahead was given back when it had waited too long, and not charged
    assert command.ends() == 0, command.output
    assert Job.objects.succeeded().filter(attempts=1).count() == 402
