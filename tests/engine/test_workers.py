"""register, heartbeat, deregister."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from django_jobs import engine
from django_jobs.models import Worker

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

    assert engine.heartbeat(worker, using="default") is True
    assert Worker.objects.get().heartbeat_at > past


def test_a_worker_that_was_given_up_learns_it(worker):
    engine.deregister(worker, using="default")

    assert engine.heartbeat(worker, using="default") is False
    assert not Worker.objects.exists()
