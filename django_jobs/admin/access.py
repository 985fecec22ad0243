"""Who may see and do what in the admin. Every page, action and count asks here."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from functools import lru_cache

from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.module_loading import import_string

from django_jobs.conf import options
from django_jobs.engine.sql import write_alias
from django_jobs.models import Job

#: What ADMIN_VISIBLE_JOBS names: it narrows the jobs to those that the request's user may see.
Narrow = Callable[[HttpRequest, QuerySet[Job]], QuerySet[Job]]


class Power(StrEnum):
    """A permission of the app that the admin asks for, by its code name."""

    VIEW = "view_job"
    VIEW_ARGUMENTS = "view_job_arguments"
    ENQUEUE = "add_job"
    #: Run now, and change the priority.
    CHANGE = "change_job"
    RETRY = "retry_job"
    CANCEL = "cancel_job"
    PAUSE = "pause_queue"
    RUN_SCHEDULE = "run_schedule"
    STOP_WORKER = "stop_worker"
    VIEW_QUEUE = "view_queue"
    VIEW_SCHEDULE = "view_schedule"
    VIEW_WORKER = "view_worker"
    VIEW_WORKFLOW = "view_workflow"


def may(request: HttpRequest, power: Power) -> bool:
    """Return whether the user has a permission."""
    return request.user.has_perm(f"django_jobs.{power}")


def demand(request: HttpRequest, power: Power) -> None:
    """Raise PermissionDenied where the user has not got a permission."""
    if not may(request, power):
        raise PermissionDenied


def visible(request: HttpRequest, jobs: QuerySet[Job] | None = None) -> QuerySet[Job]:
    """Return those of the jobs that the user may see; of all jobs where none are given."""
    given = Job.objects.using(write_alias(None)) if jobs is None else jobs
    narrow = _narrow(options().admin_visible_jobs)
    return given if narrow is None else narrow(request, given)


def sees_all(request: HttpRequest) -> bool:
    """Return whether nothing limits which jobs the user sees.

    What is known of all jobs together, such as rolled-up figures, is for these users alone. The
    function of ADMIN_VISIBLE_JOBS says so by returning the very queryset that it was given.
    """
    every = Job.objects.using(write_alias(None))
    return visible(request, every) is every


def may_in(request: HttpRequest, power: Power, key: int) -> bool:
    """Return whether the user has a permission, and may see the job of that id."""
    return may(request, power) and visible(request).filter(pk=key).exists()


@lru_cache(maxsize=8)
def _narrow(path: str) -> Narrow | None:
    if not path:
        return None
    narrow: Narrow = import_string(path)
    return narrow
