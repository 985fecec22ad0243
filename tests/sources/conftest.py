"""What the examples of all documents need."""

from __future__ import annotations

import pytest

from tests.lifecycle.conftest import runjobs as runjobs


@pytest.fixture(autouse=True)
def plain_functions_may_run(settings):
    """Let rows name the plain functions of these modules, which belong to no app."""
    settings.DJANGO_JOBS = {"JOB_MODULES": ["tests.sources"], "BACKOFF": 0}
