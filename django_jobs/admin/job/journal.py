"""Who did what to a job in the admin, as Django's log of it tells."""

from __future__ import annotations

from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType

from django_jobs.models import Job

#: Entries that are shown, the newest.
MOST = 20


def journal(job: Job) -> list[LogEntry]:
    """Return the newest entries about a job."""
    kind = ContentType.objects.get_for_model(Job)
    entries = LogEntry.objects.filter(content_type=kind, object_id=str(job.pk))
    return list(entries.select_related("user").order_by("-pk")[:MOST])
