"""The list of jobs: what it shows, what it is narrowed by, what is done with many."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from django_jobs import api
from django_jobs.admin import access
from django_jobs.admin.access import Power
from django_jobs.admin.job.filters import QueueFilter
from django_jobs.explanations import error_text
from django_jobs.models import Job

if TYPE_CHECKING:
    _JobAdmin = admin.ModelAdmin[Job]
else:
    _JobAdmin = object


class Listing(_JobAdmin):
    """Jobs, newest first."""

    list_display = (
        "id", "name", "queue", "state", "priority", "attempts_used", "scheduled_at", "ran_for",
        "last_error",
    )  # fmt: skip
    list_display_links = ("id", "name")
    list_filter = ("state", QueueFilter)
    search_fields = ("name__startswith", "unique_key__exact")
    search_help_text = _("The beginning of a function's name, a whole unique key, or an id.")
    ordering = ("-id",)
    show_full_result_count = False
    actions = ("retry_jobs", "cancel_jobs")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Job], search_term: str
    ) -> tuple[QuerySet[Job], bool]:
        """Find a job by its id at once; anything else by name and unique key."""
        if search_term.isdecimal() and len(search_term) < 19:
            return queryset.filter(pk=int(search_term)), False
        return super().get_search_results(request, queryset, search_term)

    def has_retry_permission(self, request: HttpRequest) -> bool:
        """Return whether the user may retry jobs."""
        return access.may(request, Power.RETRY)

    def has_cancel_permission(self, request: HttpRequest) -> bool:
        """Return whether the user may cancel jobs."""
        return access.may(request, Power.CANCEL)

    @admin.action(description=_("Retry selected failed and cancelled jobs"), permissions=["retry"])
    def retry_jobs(self, request: HttpRequest, queryset: QuerySet[Job]) -> None:
        """Retry what can be retried, and say what could not."""
        chosen = queryset.count()
        retried = api.retry(queryset)
        done = ngettext("%d job was put back.", "%d jobs were put back.", retried) % retried
        self._tell(
            request, done, chosen - retried, _("neither failed nor cancelled, or duplicates")
        )

    @admin.action(description=_("Cancel selected unfinished jobs"), permissions=["cancel"])
    def cancel_jobs(self, request: HttpRequest, queryset: QuerySet[Job]) -> None:
        """Cancel what has not ended, and say what had."""
        chosen = queryset.count()
        running = Job.objects.using(queryset.db).running().filter(pk__in=queryset.values("pk"))
        asked = running.count()
        cancelled = api.cancel(queryset)
        done = ngettext("%d job was cancelled.", "%d jobs were cancelled.", cancelled) % cancelled
        if asked:
            told = ngettext(
                "%d of them was running and is asked to stop.",
                "%d of them were running and are asked to stop.",
                asked,
            )
            done += " " + told % asked
        self._tell(request, done, chosen - cancelled, _("had ended already"))

    def _tell(self, request: HttpRequest, done: str, left: int, why: Any) -> None:
        if left:
            done += " " + ngettext(
                "%(n)d was left: %(why)s.", "%(n)d were left: %(why)s.", left
            ) % {
                "n": left,
                "why": why,
            }
        level = messages.WARNING if left else messages.SUCCESS
        self.message_user(request, done, level)

    @admin.display(description=_("attempts"))
    def attempts_used(self, job: Job) -> str:
        """Return the runs started, of those allowed."""
        return f"{job.attempts} / {job.max_attempts}"

    @admin.display(description=_("ran for"))
    def ran_for(self, job: Job) -> timedelta | str:
        """Return how long the last run took."""
        return "" if job.duration is None else job.duration

    @admin.display(description=_("last error"))
    def last_error(self, job: Job) -> str:
        """Return the last error's first line, shortened."""
        if not job.errors:
            return ""
        return error_text(job.errors[-1])[:100]
