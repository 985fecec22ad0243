"""Reading scopes of jobs, and the two verbs that people apply to many jobs at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from django.db import models

import django_jobs
from django_jobs.states import State

if TYPE_CHECKING:
    from django_jobs.models.job import Job  # noqa: F401


class JobQuerySet(models.QuerySet["Job"]):
    """Jobs by state and by queue."""

    def scheduled(self) -> Self:
        """Return the jobs that are not due yet or wait for their next attempt."""
        return self.filter(state=State.SCHEDULED)

    def ready(self) -> Self:
        """Return the jobs that may be claimed now."""
        return self.filter(state=State.READY)

    def running(self) -> Self:
        """Return the jobs that a worker owns."""
        return self.filter(state=State.RUNNING)

    def succeeded(self) -> Self:
        """Return the jobs that ended well."""
        return self.filter(state=State.SUCCEEDED)

    def failed(self) -> Self:
        """Return the dead letters: jobs with no attempt left."""
        return self.filter(state=State.FAILED)

    def cancelled(self) -> Self:
        """Return the jobs that were given up on purpose."""
        return self.filter(state=State.CANCELLED)

    def on(self, *queues: str) -> Self:
        """Return the jobs on these queues."""
        return self.filter(queue__in=queues)

    def retry(self) -> int:
        """Give the failed and cancelled jobs all their attempts again; return how many."""
        return django_jobs.retry(self)

    def cancel(self) -> int:
        """Cancel the jobs that have not ended; return how many."""
        return django_jobs.cancel(self)

    retry.alters_data = True  # type: ignore[attr-defined]
    cancel.alters_data = True  # type: ignore[attr-defined]
