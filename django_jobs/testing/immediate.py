"""IMMEDIATE: jobs run in the process that enqueues them, as soon as they are committed."""

from __future__ import annotations

import threading
from typing import Any

from django.core.signals import setting_changed

from django_jobs.conf import options
from django_jobs.engine.sql import write_alias
from django_jobs.exceptions import JobsError
from django_jobs.models import Job
from django_jobs.signals import job_enqueued

_ID = "django_jobs.immediate"
_here = threading.local()


def follow_settings(**changed: Any) -> None:
    """Run jobs at once from now on, or no more, as the settings say."""
    if changed.get("setting", "DJANGO_JOBS") != "DJANGO_JOBS":
        return
    try:
        is_on = options().immediate
    except JobsError:  # the system check tells
        is_on = False
    if is_on:
        job_enqueued.connect(_run, dispatch_uid=_ID)
    else:
        job_enqueued.disconnect(dispatch_uid=_ID)


setting_changed.connect(follow_settings, dispatch_uid=_ID)


def _run(*, job: Job, **told: Any) -> None:
    if getattr(_here, "is_running", False):
        return  # what a job enqueues is run when it has ended
    from django_jobs.testing.running import run_jobs

    _here.is_running = True
    try:
        run_jobs(using=job._state.db or write_alias(None))
    finally:
        _here.is_running = False
