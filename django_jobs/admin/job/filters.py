"""What the list of jobs can be narrowed by."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from django_jobs.models import Job, Queue

#: Queues that are offered.
MOST = 100


class QueueFilter(admin.SimpleListFilter):
    """Jobs on one queue. The names come from the queues: among the jobs it is a long search."""

    title = _("queue")
    parameter_name = "queue"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the names of the queues."""
        names = Queue.objects.order_by("name").values_list("name", flat=True)[:MOST]
        return [(name, name) for name in names]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Job]) -> QuerySet[Job]:
        """Return the jobs on the chosen queue."""
        return queryset.filter(queue=self.value()) if self.value() else queryset
