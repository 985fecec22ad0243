"""The job functions in the admin: what they do, what they take, and a way to enqueue them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from django_jobs.admin import links
from django_jobs.admin.readonly import ReadOnly
from django_jobs.models import Task

if TYPE_CHECKING:
    _TaskAdmin = admin.ModelAdmin[Task]
else:
    _TaskAdmin = admin.ModelAdmin


@admin.register(Task)
class TaskAdmin(ReadOnly, _TaskAdmin):
    """What is known of the job functions."""

    list_display = ("name", "type_key", "task_key", "queue", "help", "is_current", "enqueue_link")
    list_filter = ("is_current", "queue")
    search_fields = ("name",)
    ordering = ("name",)
    fields = (
        "name", "help", "type_key", "task_key", "shown_parameters", "queue", "priority",
        "max_attempts", "timeout", "memory_limit", "units", "unique_key", "computes_unique_key",
        "is_current", "synced_at",
    )  # fmt: skip

    def get_list_display(self, request: HttpRequest) -> Any:
        """Leave out what the user may not do."""
        may_add = request.user.has_perm("django_jobs.add_job")
        return self.list_display if may_add else self.list_display[:-1]

    @admin.display(description="")
    def enqueue_link(self, task: Task) -> SafeString | str:
        """Return a link to the form that enqueues it."""
        url = links.address("job_add", site=self.admin_site.name)
        if not task.is_current or not url:
            return ""
        query = urlencode({"task": task.name})
        return format_html('<a href="{}?{}">{}</a>', url, query, _("Enqueue"))

    @admin.display(description=_("parameters"))
    def shown_parameters(self, task: Task) -> SafeString:
        """Return each parameter with its type, its values and its help."""
        return format_html_join(
            "",
            "<div><strong>{}</strong> {}</div>",
            ((one["name"], _told(one)) for one in task.parameters),
        )


def _told(one: dict[str, Any]) -> str:
    told = [one["type"]]
    if "choices" in one:
        told.append(", ".join(map(json.dumps, one["choices"])))
    if not one["required"]:
        told.append(f"= {json.dumps(one['default'])}" if "default" in one else "…")
    return " · ".join(filter(None, [*told, one["help"]]))
