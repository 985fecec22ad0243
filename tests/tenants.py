"""Who may see which jobs, as a project would say it to ADMIN_VISIBLE_JOBS."""

from __future__ import annotations

from django.db.models import QuerySet
from django.http import HttpRequest

from django_jobs.models import Job


def of_their_shop(request: HttpRequest, jobs: QuerySet[Job]) -> QuerySet[Job]:
    """Let members of staff see the jobs of the shop that is called like them."""
    if request.user.is_superuser:
        return jobs
    return jobs.filter(meta__shop=request.user.get_username())


def own_jobs(request: HttpRequest, jobs: QuerySet[Job]) -> QuerySet[Job]:
    """Narrow jobs to those of a tenant."""
    return jobs.filter(meta__tenant=1)
