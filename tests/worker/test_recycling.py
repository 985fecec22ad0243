"""When a worker is worn out."""

from __future__ import annotations

import pytest

from django_jobs.conf import read
from django_jobs.worker.gauges import Gauges
from django_jobs.worker.recycling import Wear


class Clock:
    """A clock that goes as the test says."""

    now = 1000.0

    def __call__(self):
        return self.now


def wear_of(gauges=None, clock=None, memory=lambda: 0, **settings):
    return Wear(read(settings), gauges or Gauges(), clock=clock or Clock(), memory=memory)


def test_without_limits_nothing_wears():
    gauges, clock = Gauges(), Clock()
    wear = wear_of(gauges, clock, memory=lambda: 2**60)
    gauges.processed, clock.now = 10**9, 10**9
    assert wear.reason() == ""


def test_so_many_runs_wear_a_worker():
    # Given a worker in a place where another has run three jobs before it
    gauges = Gauges()
    gauges.processed = 3
    wear = wear_of(gauges, WORKER_MAX_JOBS=2)
    # When it runs one
    gauges.processed += 1
    # Then it is not worn, and after two it is
    assert wear.reason() == ""
    gauges.processed += 1
    assert wear.reason() == "it has run 2 jobs"


def test_age_wears_a_worker_a_little_before_its_time_and_each_at_another():
    # Given workers that may be 100 seconds old
    clock = Clock()
    wears = [wear_of(clock=clock, WORKER_MAX_AGE=100) for _ in range(200)]
    # When nine tenths of that have passed
    clock.now += 89.9
    assert not any(wear.reason() for wear in wears)
    # Then they go one after the other
    clock.now += 5.1
    assert 0 < sum(bool(wear.reason()) for wear in wears) < 200
    clock.now += 5
    assert all(wear.reason() == "it is 100.0 seconds old" for wear in wears)


def test_memory_wears_a_worker_that_has_run_something():
    # Given a worker that holds too much from its start
    gauges = Gauges()
    wear = wear_of(gauges, memory=lambda: 2_000_000, WORKER_MAX_MEMORY=1_500_000)
    # Then it is kept while it has run nothing: the next one would hold as much
    assert wear.reason() == ""
    gauges.processed = 1
    assert wear.reason() == "it holds 2,000,000 bytes of memory"


def test_memory_is_looked_at_once_a_second():
    # Given a worker that has run something
    looks, gauges, clock = iter(range(100)), Gauges(), Clock()
    wear = wear_of(gauges, clock, memory=lambda: next(looks), WORKER_MAX_MEMORY=100)
    gauges.processed = 1
    # When it is asked again and again within a second
    for _ in range(5):
        wear.reason()
    # Then it has looked once, and looks again a second later
    assert next(looks) == 1
    clock.now += 1
    wear.reason()
    assert next(looks) == 3


@pytest.mark.parametrize("memory", [1, None])
def test_little_memory_or_one_that_nobody_tells_wears_nothing(memory):
    gauges = Gauges()
    wear = wear_of(gauges, memory=lambda: memory, WORKER_MAX_MEMORY=10)
    gauges.processed = 1
    assert wear.reason() == ""


def test_the_memory_of_this_very_process_is_looked_at_unless_told_otherwise():
    gauges = Gauges()
    wear = Wear(read({"WORKER_MAX_MEMORY": 1}), gauges)
    gauges.processed = 1
    assert "bytes of memory" in wear.reason()
