"""Jobs that are ready, and what is in their way."""

from __future__ import annotations

from datetime import timedelta

from django_jobs import pause_queue, registry
from django_jobs.definitions import define
from django_jobs.models import Job, Queue, RateLevel
from django_jobs.rates import Rate
from tests import samples
from tests.explainable.kinds import ERROR, ahead, hire, kind
from tests.rows import make_job, make_jobs

LIMITED = "tests.limited"


def declare(**limits):
    definition = define(samples.undecorated, LIMITED, None, **limits)
    registry.register(definition)
    return {"name": LIMITED, "lane": LIMITED, "units": definition.units}


@kind
def with_nothing_in_its_way():
    hire()
    return make_job(errors=[ERROR], attempts=1)


@kind
def behind_one():
    hire()
    make_job()
    return make_job()


@kind
def behind_others():
    hire()
    make_jobs(2)
    return make_job()


@kind
def behind_very_many():
    hire()
    Job.objects.bulk_create(Job(name="tests.samples.anything") for _ in range(1_000))
    return make_job()


@kind
def in_a_paused_queue():
    hire()
    pause_queue("default")
    return make_job()


@kind
def in_a_queue_paused_for_a_while():
    hire()
    pause_queue("default", resume_at=timedelta(hours=1))
    return make_job()


@kind
def without_workers():
    return make_job()


@kind
def with_workers_of_other_queues():
    hire(queues=["mail", "reports"])
    return make_job()


@kind
def with_many_workers_of_other_queues():
    hire(queues=["a", "b", "c"])
    hire(queues=["d", "e", "f"])
    return make_job()


@kind
def with_a_quiet_worker():
    hire(orders="quiet")
    return make_job()


@kind
def with_quiet_workers():
    hire(orders="quiet")
    hire(orders="stop")
    return make_job()


@kind
def with_a_busy_worker():
    make_job("running", worker_id=hire(concurrency=1).pk)
    return make_job()


@kind
def with_a_worker_that_claimed_ahead():
    worker = hire(concurrency=1)
    make_jobs(2, state="running", worker_id=worker.pk)
    return make_job()


@kind
def with_busy_workers():
    for _ in range(2):
        make_job("running", worker_id=hire(concurrency=1).pk)
    return make_job()


@kind
def without_the_right_tag():
    hire()
    Queue.objects.create(name="default", tags=["gpu"])
    return make_job()


@kind
def without_a_known_function():
    hire()
    return make_job(name="shop.jobs.new")


@kind
def with_arguments_that_do_not_fit():
    hire()
    return make_job(args={})


@kind
def too_large_for_any_host():
    hire(units=8)
    return make_job(**declare(units=9))


@kind
def too_large_just_now():
    make_job("running", worker_id=hire(units=8).pk, units=6)
    return make_job(**declare(units=4))


@kind
def at_the_limit_of_its_function():
    limited = declare(max_running=1)
    make_job("running", worker_id=hire().pk, **limited)
    return make_job(**limited)


@kind
def at_the_limit_of_each_host():
    limited = declare(max_running_per_host=1)
    make_job("running", worker_id=hire().pk, **limited)
    return make_job(**limited)


@kind
def at_the_limit_of_its_queue():
    Queue.objects.create(name="default", max_running=1)
    make_job("running", worker_id=hire().pk)
    return make_job()


def of_a_key(**limits):
    return declare(concurrency_key="acme", **limits) | {"concurrency_key": "acme"}


@kind
def at_the_limit_of_its_key():
    limited = of_a_key(max_running_per_key=1)
    make_job("running", worker_id=hire().pk, **limited)
    return make_job(**limited)


@kind
def behind_another_of_its_key():
    hire()
    limited = of_a_key(ordered=True)
    make_job("scheduled", scheduled_at=ahead(hours=1), claims=1, attempts=1, **limited)
    return make_job(**limited)


@kind
def behind_others_of_its_key():
    make_job("scheduled", scheduled_at=ahead(hours=1), claims=1, attempts=1, **of_a_key())
    return behind_another_of_its_key()


@kind
def at_its_rate():
    hire()
    limited = declare(rate_limit=Rate.of(1, per=60))
    RateLevel.objects.create(name=f"job {LIMITED}", opens=ahead(seconds=40).timestamp())
    return make_job(**limited)
