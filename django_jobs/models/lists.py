"""The indexes that lists of jobs are read by. None of them holds what succeeds at once."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q, Value

from django_jobs.states import SELDOM

#: What lists are in the order of: newest first. By the id's opposite, so that no planner, however
#: misled, walks through all jobs for the order of their ids. Each index has the id itself as well:
#: to count rows, or to read their ids, nobody has to look at the rows.
NEWEST = F("id") * Value(-1)

LISTS = [
    models.Index(
        F("state"),
        NEWEST,
        name="django_jobs_job_seldom",
        include=["id"],
        condition=Q(state__in=sorted(SELDOM)),
    ),
    # Failures of one kind.
    models.Index(
        F("fingerprint"),
        NEWEST,
        name="django_jobs_job_fingerprint",
        include=["id"],
        condition=Q(fingerprint__isnull=False),
    ),
]
