"""The library's side of each benchmark, in a process of its own."""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

import django

#: As the bare side's.
WARM_UP = 100


def drain(jobs: int) -> dict[str, Any]:
    """Run one worker with default settings, all its threads included, until nothing is due."""
    from django_jobs.orders import WorkerOptions
    from django_jobs.worker.worker import Worker

    worker = Worker(WorkerOptions(burst=True))
    began = time.perf_counter()
    report = worker.run()
    return {"seconds": time.perf_counter() - began, "succeeded": report.succeeded}


def hot(jobs: int) -> dict[str, Any]:
    """Run so many jobs of a hot key."""
    from benchmarks import keyed  # noqa: F401 - declares the limit
    from django_jobs.orders import WorkerOptions
    from django_jobs.worker.worker import Worker

    Worker(WorkerOptions(burst=True, max_jobs=jobs)).run()
    return {}


def drain_limited(jobs: int) -> dict[str, Any]:
    """Run one worker that knows a queue's limits too, until nothing is due."""
    from benchmarks import limited  # noqa: F401 - declares the limits

    return drain(jobs)


def drain_100(jobs: int) -> dict[str, Any]:
    """Run one worker with 100 places until nothing is due."""
    from django_jobs.orders import WorkerOptions
    from django_jobs.worker.worker import Worker

    Worker(WorkerOptions(burst=True, concurrency=100)).run()
    return {}


def enqueue(jobs: int) -> dict[str, Any]:
    """Enqueue one by one, each in its own transaction."""
    from testproject.ledger.jobs import nothing

    return _each(jobs, lambda number: nothing.enqueue())


def enqueue_kwargs(jobs: int) -> dict[str, Any]:
    """Enqueue one by one, each in its own transaction, with one argument."""
    from benchmarks.jobs import count

    return _each(jobs, lambda number: count.enqueue(number=number))


def _each(jobs: int, enqueue_one: Callable[[int], object]) -> dict[str, Any]:
    for number in range(WARM_UP):
        enqueue_one(number)
    began = time.perf_counter()
    for number in range(jobs):
        enqueue_one(number)
    return {"seconds": time.perf_counter() - began}


def bulk(jobs: int) -> dict[str, Any]:
    """Enqueue many at once; ``making`` is what making their specs took before that."""
    from django.db import connection

    from benchmarks.jobs import count
    from django_jobs import enqueue_many

    connection.ensure_connection()
    began = time.perf_counter()
    specs = [count.job.with_kwargs(number=number) for number in range(jobs)]
    made = time.perf_counter()
    enqueued = enqueue_many(specs)
    ended = time.perf_counter()
    assert len(enqueued) == jobs
    return {"seconds": ended - made, "making": made - began}


def keyed_worker(jobs: int = 0) -> dict[str, Any]:
    """Run one worker of 20 places that knows the tenants' limits, until terminated."""
    from benchmarks import keyed  # noqa: F401 - declares the limits
    from django_jobs.orders import WorkerOptions
    from django_jobs.worker.worker import Worker

    one = Worker(WorkerOptions(concurrency=20))
    signal.signal(signal.SIGTERM, lambda *_: one.stop())
    one.run()
    return {}


def worker(jobs: int = 0) -> dict[str, Any]:
    """Run one worker with default settings until terminated."""
    from django_jobs.worker.worker import Worker

    one = Worker()
    signal.signal(signal.SIGTERM, lambda *_: one.stop())
    one.run()
    return {}


if __name__ == "__main__":
    django.setup()
    sides = {
        one.__name__: one
        for one in (
            drain, drain_100, drain_limited, hot, enqueue, enqueue_kwargs, bulk, worker,
            keyed_worker,
        )
    }  # fmt: skip
    print(json.dumps(sides[sys.argv[1]](*map(int, sys.argv[2:]))))
