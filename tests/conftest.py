"""What all tests share."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings

from django_jobs import engine, registry

# The database is the same for all examples on purpose, and its speed is not what is tested.
settings.register_profile(
    "tests",
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.load_profile("tests")


@pytest.fixture
def worker(db):
    """Return the id of a registered worker."""
    return engine.register(
        hostname="here", pid=1, queues=(), concurrency=10, version="", using="default"
    )


@pytest.fixture
def own_registry(monkeypatch):
    """Let the test register jobs that no other test knows."""
    monkeypatch.setattr(registry, "_definitions", dict(registry._definitions))
