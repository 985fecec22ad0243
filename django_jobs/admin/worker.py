"""Workers in the admin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import admin

from django_jobs.admin.readonly import ReadOnly
from django_jobs.models import Worker

if TYPE_CHECKING:
    _WorkerAdmin = admin.ModelAdmin[Worker]
else:
    _WorkerAdmin = admin.ModelAdmin


@admin.register(Worker)
class WorkerAdmin(ReadOnly, _WorkerAdmin):
    """The workers that are alive, or were until a moment ago."""

    list_display = ("id", "hostname", "pid", "queues", "concurrency", "started_at", "heartbeat_at")
    ordering = ("hostname", "pid")
