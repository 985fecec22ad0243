"""Our backend as Django's own tests of tasks need to see it."""

from __future__ import annotations

from django_jobs.backend import JobsBackend
from django_jobs.models import Job
from django_jobs.testing import run_jobs


class Recording(JobsBackend):
    """Stands where the tests name the dummy backend: nothing runs, and one may look at it all."""

    @property
    def results(self):
        """Return the results of all jobs, in the order that they were enqueued in."""
        return [
            self.get_result(str(key))
            for key in Job.objects.order_by("pk").values_list("pk", flat=True)
        ]

    def clear(self):
        """Delete all jobs."""
        Job.objects.all().delete()


class Running(JobsBackend):
    """Stands where the tests name the immediate backend: each task is run at once."""

    def enqueue(self, task, args, kwargs):
        result = super().enqueue(task, args, kwargs)
        run_jobs()
        return self.get_result(result.id)
