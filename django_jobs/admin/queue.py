"""Queues in the admin: pause and resume them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from django_jobs import api
from django_jobs.admin.readonly import ReadOnly
from django_jobs.models import Queue

if TYPE_CHECKING:
    _QueueAdmin = admin.ModelAdmin[Queue]
else:
    _QueueAdmin = admin.ModelAdmin


@admin.register(Queue)
class QueueAdmin(ReadOnly, _QueueAdmin):
    """Queues, with pause and resume."""

    list_display = ("name", "paused_at", "resume_at")
    search_fields = ("name",)
    ordering = ("name",)
    actions = ("pause_queues", "resume_queues")

    def has_operate_permission(self, request: HttpRequest) -> bool:
        """Return whether the user may pause and resume: whoever may change queues."""
        return request.user.has_perm("django_jobs.change_queue")

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
