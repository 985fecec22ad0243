"""What is said of a job that its key, its queue or a rate keeps waiting."""

from __future__ import annotations

import time

import pytest

from django_jobs import explain, registry
from django_jobs.definitions import define
from django_jobs.models import Queue, RateLevel, Worker
from tests import samples
from tests.rows import make_job

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_registry")]

BOUND = "tests.bound"


@pytest.fixture
def worker():
    """Return a live worker with free places."""
    return Worker.objects.create(hostname="web1", pid=1, concurrency=10)


def declare(**limits):
    """Make a function known whose customers take turns, and return what its rows have in common."""
    registry.register(define(samples.undecorated, BOUND, None, concurrency_key="ada", **limits))
    return {"name": BOUND, "lane": BOUND, "concurrency_key": "ada"}


def told(job):
    """Return what is said of a job, by code."""
    return {str(one.code): one.text for one in explain(job).reasons}


class TestKeys:
    def test_a_key_whose_places_are_taken_names_who_has_them(self, worker):
        bound = declare(max_running_per_key=1)
        holder = make_job("running", worker_id=worker.pk, **bound)

        reasons = told(make_job(**bound))

        assert set(reasons) == {"key_limit_reached"}
        assert reasons["key_limit_reached"].endswith(f"as many do: #{holder.pk}.")

    def test_another_key_is_no_obstacle(self, worker):
        bound = declare(max_running_per_key=1)
        make_job("running", worker_id=worker.pk, **bound)

        assert told(make_job(**{**bound, "concurrency_key": "bob"})) == {}

    def test_a_key_in_strict_order_names_the_one_that_is_to_be_tried_again(self, worker):
        bound = declare(ordered=True)
        first = make_job("scheduled", claims=1, attempts=1, max_attempts=3, **bound)

        reasons = told(make_job(**bound))

        assert set(reasons) == {"key_held"}
        assert f"#{first.pk} comes first" in reasons["key_held"]


class TestQueues:
    def test_a_queue_that_runs_as_many_as_it_may_says_how_many(self, worker):
        Queue.objects.create(name="default", max_running=1)
        make_job("running", worker_id=worker.pk)

        assert told(make_job())["queue_limit_reached"] == (
            "Of its queue 1 may run at one time, and 1 does."
        )

    def test_a_queue_that_may_run_more_is_no_obstacle(self, worker):
        Queue.objects.create(name="default", max_running=2)
        make_job("running", worker_id=worker.pk)

        assert told(make_job()) == {}

    def test_tags_that_no_worker_carries_are_named(self, worker):
        Queue.objects.create(name="default", tags=["gpu"])

        assert "workers that carry gpu" in told(make_job())["tag_missing"]

    def test_tags_that_a_worker_carries_are_no_obstacle(self, worker):
        Queue.objects.create(name="default", tags=["gpu"])
        Worker.objects.filter(pk=worker.pk).update(tags=["gpu"])

        assert told(make_job()) == {}

    def test_a_row_that_makes_no_sense_is_passed_over_as_workers_do(self, worker):
        Queue.objects.create(name="default", rate_limit="often", max_running=1)
        make_job("running", worker_id=worker.pk)

        assert told(make_job()) == {}


@pytest.mark.parametrize(
    "name", [f"job {BOUND}", f"key {BOUND} ada"], ids=["of the function", "of the key"]
)
def test_a_rate_that_is_used_up_says_when_the_next_may_start(name, worker):
    bound = declare(rate_limit="1/h", rate_limit_per_key="1/h")
    RateLevel.objects.create(name=name, opens=time.time() + 1800)

    assert "the next one may in " in told(make_job(**bound))["rate_reached"]


def test_a_rate_that_is_not_used_up_is_no_obstacle(worker):
    bound = declare(rate_limit="1/h")
    RateLevel.objects.create(name=f"job {BOUND}", opens=time.time() - 1)

    assert told(make_job(**bound)) == {}
