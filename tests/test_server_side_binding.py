"""A project whose driver sends values apart from the statement, which then may be one alone."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection, connections

from django_jobs import enqueue, enqueue_many, job
from django_jobs.models import Job
from django_jobs.testing import run_jobs
from tests.samples import as_if_at_the_top
from tests.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def bound_by_the_server(monkeypatch):
    """Let the values be sent apart by all connections that are made from now on."""
    settings = connections["default"].settings_dict
    options = settings["OPTIONS"] | {"server_side_binding": True}
    monkeypatch.setitem(settings, "OPTIONS", options)


def test_jobs_are_enqueued_claimed_and_run_under_limits(bound_by_the_server, own_registry):
    @job(max_running=2, rate_limit="1000/s", concurrency_key=lambda n: str(n), retries=0)
    @as_if_at_the_top
    def double(n):
        return 2 * n

    def live():
        features: Any = connection.features
        assert features.uses_server_side_binding
        enqueue(double.job.with_kwargs(n=1).with_unique_key("one"))
        enqueue_many(double.job.with_kwargs(n=n) for n in (2, 3))
        run_jobs()

    at_once(live)

    assert [(row.state, row.result) for row in Job.objects.order_by("pk")] == [
        ("succeeded", 2), ("succeeded", 4), ("succeeded", 6),
    ]  # fmt: skip
