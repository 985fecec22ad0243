"""What a waiting job waits among, and what it costs to look."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.utils import timezone

from django_jobs import surroundings
from django_jobs.models import Worker
from tests.plans import TABLE, statements_of, ways_into_jobs
from tests.rows import make_job, make_jobs, sql

pytestmark = pytest.mark.django_db


def hire(**fields):
    return Worker.objects.create(**{"hostname": "web1", "pid": 1, **fields})


def live():
    return surroundings.live_workers(timeout=30, using="default")


class TestWorkers:
    def test_the_live_ones_are_told_with_what_they_own(self):
        worker = hire(queues=["mail"], concurrency=2, units=50, tags=["gpu"])
        make_job("running", worker_id=worker.pk)

        [found] = live()

        assert found == (worker.pk, "web1", 1, ["mail"], 2, 50, ["gpu"], 1, False)
        assert found.serves("mail")
        assert not found.serves("default")
        assert not found.is_busy

    def test_one_without_a_sign_of_life_is_not(self):
        hire(heartbeat_at=timezone.now() - timedelta(minutes=1))

        assert live() == []

    def test_one_with_no_queues_serves_all(self):
        hire()

        assert live()[0].serves("anything")


def test_the_units_of_a_host_are_those_of_all_its_workers_also_dead_ones():
    alive = hire()
    dead = hire(heartbeat_at=timezone.now() - timedelta(hours=1))
    other = hire(hostname="web2")
    make_job("running", worker_id=alive.pk, units=3)
    make_job("running", worker_id=dead.pk, units=4)
    make_job("ready", units=100)

    units = surroundings.units_by_host(using="default")

    assert units == {"web1": 7, "web2": 0}
    assert other.hostname in units


def test_the_holders_of_a_lane_are_told_with_their_hosts():
    worker = hire()
    here = make_job("running", worker_id=worker.pk, lane="x")
    lost = make_job("running", worker_id=worker.pk + 1, lane="x")
    make_job("running", worker_id=worker.pk, lane="y")
    make_job("ready", lane="x")

    assert surroundings.holders("x", using="default") == [(here.pk, "web1"), (lost.pk, None)]


class TestJobsAhead:
    def test_they_are_of_its_queue_and_more_urgent_or_older(self):
        older = make_job(priority=0, lane="x")
        job = make_job(priority=0)
        make_job(priority=0)
        make_job(priority=-1)
        make_job(priority=1)
        make_job(priority=1, lane="x")
        make_job(priority=9, queue="mail")
        make_job("running", priority=9)

        assert surroundings.ahead_of(job, using="default") == 3
        assert surroundings.ahead_of(older, using="default") == 2

    def test_they_are_counted_to_an_end(self):
        make_jobs(3, priority=1)
        sql(
            f"INSERT INTO {TABLE} (name, priority) "
            f"SELECT 'x', 1 FROM generate_series(1, {surroundings.MOST})"
        )

        ahead = surroundings.ahead_of(make_job(), using="default")

        assert ahead == surroundings.MOST


def test_no_look_reads_more_than_its_index_shows():
    worker = hire()
    for state, columns, values in (
        ("succeeded", "finished_at, prune_at", "now(), now()"),
        ("ready", "priority, lane", "n % 5, CASE WHEN n % 2 = 0 THEN 'x' ELSE '' END"),
        ("scheduled", "scheduled_at", "now() + interval '1 day'"),
    ):
        sql(
            f"INSERT INTO {TABLE} (name, state, {columns}) "
            f"SELECT 'x', '{state}', {values} FROM generate_series(1, 20000) AS n"
        )
    make_job("running", worker_id=worker.pk, lane="x")
    job = make_job(priority=2)
    looks: dict[str, tuple[Callable[[], Any], str]] = {
        "ready": (partial(surroundings.ahead_of, job, using="default"), "WITH RECURSIVE lanes"),
        "running": (live, "heartbeat_at"),
        "lane": (partial(surroundings.holders, "x", using="default"), "<> ''"),
    }
    units = partial(surroundings.units_by_host, using="default")

    for statistics in ("of an empty table", "of the full one", "of other ids"):
        for index, (look, like) in looks.items():
            [statement] = statements_of(look, like=like)
            assert ways_into_jobs(statement) == {index}, statistics
        [statement] = statements_of(units, like="sum(units)")
        assert ways_into_jobs(statement) == {"running"}, statistics
        if statistics == "of the full one":
            sql(f"UPDATE {TABLE} SET id = id + 1000000000 WHERE id <> %s", job.pk)
        sql(f"ANALYZE {TABLE}")
