"""Executors of every kind, and of each a warm one."""

from __future__ import annotations

import logging

import pytest

from django_jobs.capabilities import EXECUTORS
from tests.executors.bench import Bench


@pytest.fixture(scope="module", params=sorted(EXECUTORS))
def bench(request, test_database_for_children):
    """Return one warm executor of each kind."""
    bench = Bench(request.param, size=2)
    yield bench
    bench.executor.stop()


@pytest.fixture
def one_at_a_time(request, bench, test_database_for_children):
    """Return an executor of the same kind that has one place."""
    single = Bench(bench.kind, size=1)
    yield single
    single.executor.stop()


@pytest.fixture
def quiet(monkeypatch):
    """Log nothing: some of it cannot be encoded, on which the test runner's own channel breaks."""
    monkeypatch.setattr(logging.getLogger("django_jobs"), "disabled", True)
