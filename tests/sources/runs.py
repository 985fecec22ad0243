"""Running what the examples have enqueued."""

from __future__ import annotations

from django_jobs.models import Job
from django_jobs.orders import Report, WorkerOptions
from django_jobs.worker.worker import Worker


def run(**options: object) -> Report:
    """Run what is due, and return the report."""
    return Worker(WorkerOptions(burst=True, **options)).run()  # type: ignore[arg-type]


def ran(job: Job) -> Job:
    """Run what is due, and return the job as it is then."""
    run()
    job.refresh_from_db()
    return job


def order_of_runs() -> list[int]:
    """Run what is due, one job after the other, and return the ids in that order."""
    order: list[int] = []
    while run(max_jobs=1).processed:
        order += Job.objects.succeeded().exclude(pk__in=order).values_list("pk", flat=True)
    return order
