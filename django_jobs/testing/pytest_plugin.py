"""Fixtures for pytest. Imports nothing of Django until a test asks for one of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture
def run_jobs(db: None) -> Callable[..., Any]:
    """Return ``django_jobs.testing.run_jobs``."""
    from django_jobs import testing

    return testing.run_jobs


@pytest.fixture
def captured_jobs(db: None) -> Callable[..., Any]:
    """Return ``django_jobs.testing.captured_jobs``."""
    from django_jobs import testing

    return testing.captured_jobs


@pytest.fixture
def jobs_clock(db: None) -> Callable[..., Any]:
    """Return ``django_jobs.testing.travel``."""
    from django_jobs import testing

    return testing.travel
