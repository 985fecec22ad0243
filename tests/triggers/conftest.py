"""What the tests of triggers share."""

from __future__ import annotations

import pytest

from django_jobs.models import Job


@pytest.fixture
def made():
    """Return a function: the jobs that a trigger has made, by the order of their ids."""

    def of(trigger=None):
        jobs = Job.objects.order_by("pk")
        return list(jobs.filter(meta__trigger__name=trigger) if trigger else jobs)

    return of
