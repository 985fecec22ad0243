"""register, heartbeat, tell_workers, deregister."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from django_jobs import engine
from django_jobs.models import Worker
from django_jobs.orders import Order

pytestmark = pytest.mark.django_db


def test_a_worker_is_known_by_what_it_said():
    key = engine.register(
        hostname="h" * 300, pid=42, queues=("a", "b"), concurrency=3, version="1", using="default"
    )

    row = Worker.objects.get(pk=key)
    assert (row.hostname, row.pid, row.queues) == ("h" * 255, 42, ["a", "b"])
    assert (row.concurrency, row.version) == (3, "1")
    assert row.heartbeat_at is not None


def test_a_heartbeat_renews_the_sign_of_life(worker):
    past = timezone.now() - timedelta(hours=1)
    Worker.objects.update(heartbeat_at=past)

    assert engine.heartbeat(worker, using="default") == ""
    assert Worker.objects.get().heartbeat_at > past


def test_a_worker_that_was_given_up_learns_it(worker):
    engine.deregister(worker, using="default")

    assert engine.heartbeat(worker, using="default") is None
    assert not Worker.objects.exists()


def test_a_heartbeat_tells_the_memory_and_brings_the_orders_in_one_statement(
    worker, django_assert_num_queries
):
    engine.tell_workers([worker], Order.QUIET, using="default")

    with django_assert_num_queries(1):
        assert engine.heartbeat(worker, rss=12_345, obeys="", using="default") == "quiet"
    engine.heartbeat(worker, rss=None, obeys="quiet", using="default")
    row = Worker.objects.get()
    assert (row.rss, row.orders, row.heard) == (None, "quiet", "quiet")


def test_heartbeats_are_heap_only_updates(worker):
    def hot():
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_stat_get_xact_tuples_updated(%(of)s::regclass), "
                "pg_stat_get_xact_tuples_hot_updated(%(of)s::regclass)",
                {"of": Worker._meta.db_table},
            )
            return cursor.fetchone()

    updated, were_hot = hot()
    for beat in range(20):
        engine.heartbeat(worker, rss=beat, obeys="quiet" * (beat % 2), using="default")
    assert hot() == (updated + 20, were_hot + 20)


def test_only_those_are_told_to_whom_it_is_news(worker):
    other = engine.register(
        hostname="b", pid=2, queues=(), concurrency=1, version="", using="default"
    )

    assert engine.tell_workers([worker, 10**9], Order.QUIET, using="default") == [worker]
    assert engine.tell_workers([other, worker], Order.QUIET, using="default") == [other]
    assert engine.tell_workers([worker], Order.NONE, using="default") == [worker]
    assert engine.tell_workers([worker], Order.NONE, using="default") == []


def test_who_was_told_to_stop_is_told_nothing_else(worker):
    engine.tell_workers([worker], Order.STOP, using="default")

    for order in Order:
        assert engine.tell_workers([worker], order, using="default") == []
    assert Worker.objects.get().orders == "stop"
