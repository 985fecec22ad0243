"""Scenario 11: five schedulers, one of them stopped and woken, and each tick at most once."""

from __future__ import annotations

import os
import signal
from collections import Counter
from itertools import pairwise

import pytest

from django_jobs.models import Job, Schedule, Worker
from tests.lifecycle.conftest import worker_pids
from tests.threads import wait_until

NOTHING = "testproject.ledger.jobs.nothing"


@pytest.mark.slow
def test_each_tick_fires_once_whoever_is_stopped_or_killed(runjobs):
    # Given schedules of every second that make up for what was missed
    Schedule.objects.all().delete()
    Schedule.objects.bulk_create(
        Schedule(
            name=f"every second {n}", function=NOTHING,
            cron="* * * * * *", missed="all",
        )
        for n in range(40)
    )  # fmt: skip
    # And five workers, each with a scheduler
    commands = [runjobs("--processes", "0", "--no-progress") for _ in range(5)]
    wait_until(lambda: Worker.objects.count() == 5 and have_ticked(2))
    # When one is stopped for longer than its timeout, and another is killed
    stopped, killed = worker_pids()[:2]
    os.kill(stopped, signal.SIGSTOP)
    os.kill(killed, signal.SIGKILL)
    wait_until(lambda: Worker.objects.count() == 3)
    wait_until(lambda: have_ticked(6))
    # And the first one wakes
    os.kill(stopped, signal.SIGCONT)
    wait_until(lambda: sum(one.process.poll() is not None for one in commands) == 2)
    more = shortest_history() + 2
    wait_until(lambda: have_ticked(more))
    # Then no tick has made two jobs, and none was left out
    Schedule.objects.update(is_enabled=False)
    for schedule in ours():
        made = sorted(schedule.jobs.values_list("tick", flat=True))
        assert len(made) == len(set(made))
        assert made[-1] == schedule.last_tick
        assert {(b - a).total_seconds() for a, b in pairwise(made)} == {1.0}
    assert not any("Traceback" in one.output for one in commands)


def histories():
    """Return how many ticks each schedule has made jobs of."""
    made = Counter(Job.objects.values_list("schedule", flat=True))
    return [made[key] for key in ours().values_list("pk", flat=True)]


def ours():
    """Return the schedules of the test: the workers have written down others."""
    return Schedule.objects.filter(function=NOTHING)


def shortest_history():
    return min(histories())


def have_ticked(times):
    return shortest_history() >= times
