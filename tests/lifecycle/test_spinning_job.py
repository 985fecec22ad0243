"""A job in a loop of C that never lets go of the interpreter's lock."""

from __future__ import annotations

import statistics
from datetime import datetime

from django_jobs import JobSpec, enqueue
from django_jobs.models import Job
from testproject.ledger.jobs import leave_effect
from tests.threads import wait_until

#: Seconds from the start of the run until it must be over: a timeout of one, and the grace.
OVER_WITHIN = 3.0


def waits_of_short_jobs(until):
    """Enqueue one short job after the other until a condition holds; return the waits in s."""
    waits: list[float] = []
    while not until() or len(waits) < 10:
        row = leave_effect.enqueue(label="short").wait(timeout=20)
        assert row.started_at is not None
        waits.append((row.started_at - row.enqueued_at).total_seconds())
    return waits


def test_it_is_gone_soon_after_its_timeout_and_nobody_waited_for_it(runjobs):
    # Given a worker, and how long its short jobs wait to be run
    runjobs()
    leave_effect.enqueue(label="warm").wait(timeout=20)
    before = waits_of_short_jobs(lambda: True)
    # When a job spins in C
    spinner = enqueue(JobSpec(func="process.spin_in_c").with_timeout(1))
    during = waits_of_short_jobs(lambda: Job.objects.scheduled().filter(pk=spinner.pk).exists())
    # Then it is over in time: killed, the attempt failed by its timeout
    spinner.refresh_from_db()
    (error,) = spinner.errors
    assert error["exception"].endswith("JobTimeout")
    began, ended = (datetime.fromisoformat(error[end]) for end in ("started_at", "ended_at"))
    assert 1 <= (ended - began).total_seconds() < OVER_WITHIN
    # And the others have waited as before: whoever had waited for it, would have for a second
    assert statistics.median(during) < 0.2 + 5 * statistics.median(before)
    assert max(during) < 0.9


def test_its_process_is_replaced_and_the_next_job_runs_there(runjobs):
    # Given a worker with a job that spins in C
    spinner = enqueue(JobSpec(func="process.spin_in_c").with_timeout(0.2))
    runjobs("--concurrency", "1")
    wait_until(lambda: Job.objects.scheduled().filter(pk=spinner.pk).exists())
    # When another one wants a process
    other = enqueue(JobSpec(func="process.give_back", kwargs={"value": 1}))
    # Then it gets one
    assert other.wait(timeout=20).result == [[], {"value": 1}]
