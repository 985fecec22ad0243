"""Queues in the admin: pause and resume them, and say what holds for each."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import URLPattern, path
from django.utils.translation import gettext_lazy as _

from django_jobs import api
from django_jobs.admin import access
from django_jobs.admin.access import Power
from django_jobs.admin.dashboard import views
from django_jobs.models import Queue

if TYPE_CHECKING:
    _QueueAdmin = admin.ModelAdmin[Queue]
else:
    _QueueAdmin = admin.ModelAdmin


@admin.register(Queue)
class QueueAdmin(_QueueAdmin):
    """Queues, with pause and resume. What is filled in goes over the settings."""

    list_display = (
        "name", "paused_at", "resume_at", "concurrency", "max_running", "rate_limit", "weight",
    )  # fmt: skip
    readonly_fields = ("paused_at", "resume_at", "created_at")
    fieldsets = (
        (None, {"fields": ("name", "paused_at", "resume_at", "created_at")}),
        (
            _("What holds for it"),
            {
                "description": _("What is empty is as the settings say."),
                "fields": (
                    "concurrency", "max_running", "rate_limit", "rate_burst", "weight", "tags",
                ),
            },
        ),
    )  # fmt: skip
    search_fields = ("name",)
    ordering = ("name",)
    actions = ("pause_queues", "resume_queues")

    def get_urls(self) -> list[URLPattern]:
        """Add the dashboard, which shows the queues first of all, and its buttons."""
        wrap = self.admin_site.admin_view
        return [
            path("dashboard/", wrap(views.fragment), name="django_jobs_dashboard"),
            path(
                "dashboard/steer/",
                wrap(partial(views.steer, admin=self)),
                name="django_jobs_dashboard_steer",
            ),
            *super().get_urls(),
        ]

    def get_readonly_fields(
        self, request: HttpRequest, obj: Queue | None = None
    ) -> tuple[str, ...]:
        """Let the name be chosen once: jobs know their queue by it."""
        return (*self.readonly_fields, *(("name",) if obj else ()))

    def has_delete_permission(self, request: HttpRequest, obj: Queue | None = None) -> bool:
        """Refuse: whoever uses the queue would make it anew."""
        return False

    def has_operate_permission(self, request: HttpRequest) -> bool:
        """Return whether the user may pause and resume."""
        return access.may(request, Power.PAUSE)

    @admin.action(description=_("Pause selected queues"), permissions=["operate"])
    def pause_queues(self, request: HttpRequest, queryset: QuerySet[Queue]) -> None:
        """Let no more jobs of these queues start."""
        for queue in queryset:
            api.pause_queue(queue.name, using=queryset.db)
        self.message_user(request, _("Paused. Running jobs go on."), messages.SUCCESS)

    @admin.action(description=_("Resume selected queues"), permissions=["operate"])
    def resume_queues(self, request: HttpRequest, queryset: QuerySet[Queue]) -> None:
        """Let the jobs of these queues start again."""
        for queue in queryset:
            api.resume_queue(queue.name, using=queryset.db)
        self.message_user(request, _("Resumed."), messages.SUCCESS)
