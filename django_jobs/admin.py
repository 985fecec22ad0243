"""The admin: look at jobs, retry and cancel them; pause queues; see workers."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from django_jobs import api
from django_jobs.models import Job, Queue, Worker

if TYPE_CHECKING:
    _JobAdmin = admin.ModelAdmin[Job]
    _QueueAdmin = admin.ModelAdmin[Queue]
    _WorkerAdmin = admin.ModelAdmin[Worker]
else:
    _JobAdmin = _QueueAdmin = _WorkerAdmin = admin.ModelAdmin


class ReadOnly:
    """Rows that the queue writes and people only read."""

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        """Refuse: rows are made by enqueueing, not by forms."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Refuse: the engine alone changes rows. The permission still allows the actions."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Refuse: finished rows are pruned, live ones are cancelled."""
        return False


@admin.register(Job)
class JobAdmin(ReadOnly, _JobAdmin):
    """Jobs by state, newest first, with retry and cancel."""

    list_display = (
        "id", "name", "queue", "state", "priority", "attempts_used", "scheduled_at", "ran_for",
        "last_error",
    )  # fmt: skip
    list_display_links = ("id", "name")
    list_filter = ("state", "queue")
    search_fields = ("name__startswith", "unique_key__exact")
    search_help_text = _("The beginning of a function's name, a whole unique key, or an id.")
    ordering = ("-id",)
    show_full_result_count = False
    actions = ("retry_jobs", "cancel_jobs")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "name",
                    "state",
                    "note",
                    "queue",
                    "priority",
                    "unique_key",
                    "shown_worker",
                )
            },
        ),
        (_("Arguments"), {"fields": ("shown_args", "shown_kwargs", "shown_result")}),
        (_("Runs"), {"fields": ("attempts_used", "ran_for", "timeout", "claims", "reprieves")}),
        (
            _("Times"),
            {"fields": ("enqueued_at", "scheduled_at", "started_at", "finished_at", "prune_at")},
        ),
        (_("Errors"), {"fields": ("shown_errors",)}),
        (_("Yours"), {"fields": ("shown_meta",)}),
    )

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Job], search_term: str
    ) -> tuple[QuerySet[Job], bool]:
        """Find a job by its id at once; anything else by name and unique key."""
        if search_term.isdecimal() and len(search_term) < 19:
            return queryset.filter(pk=int(search_term)), False
        return super().get_search_results(request, queryset, search_term)

    def has_operate_permission(self, request: HttpRequest) -> bool:
        """Return whether the user may retry and cancel: whoever may change jobs."""
        return request.user.has_perm("django_jobs.change_job")

    @admin.action(
        description=_("Retry selected failed and cancelled jobs"), permissions=["operate"]
    )
    def retry_jobs(self, request: HttpRequest, queryset: QuerySet[Job]) -> None:
        """Retry what can be retried, and say what could not."""
        chosen = queryset.count()
        retried = api.retry(queryset)
        done = ngettext("%d job was put back.", "%d jobs were put back.", retried) % retried
        self._tell(
            request, done, chosen - retried, _("neither failed nor cancelled, or duplicates")
        )

    @admin.action(description=_("Cancel selected unfinished jobs"), permissions=["operate"])
    def cancel_jobs(self, request: HttpRequest, queryset: QuerySet[Job]) -> None:
        """Cancel what has not ended, and say what had."""
        chosen = queryset.count()
        cancelled = api.cancel(queryset)
        done = ngettext("%d job was cancelled.", "%d jobs were cancelled.", cancelled) % cancelled
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
    def ran_for(self, job: Job) -> timedelta | None:
        """Return how long the last run took."""
        return job.duration

    @admin.display(description=_("last error"))
    def last_error(self, job: Job) -> str:
        """Return the last error's first line, shortened."""
        if not job.errors:
            return ""
        error = job.errors[-1]
        first_line = (error.get("message") or "").partition("\n")[0]
        return f"{error.get('exception', '').rpartition('.')[2]}: {first_line}"[:100]

    @admin.display(description=_("worker"))
    def shown_worker(self, job: Job) -> str:
        """Return who runs the job or ran it last, which may be gone."""
        if job.worker_id is None:
            return ""
        worker = Worker.objects.using(job._state.db).filter(pk=job.worker_id).first()
        return str(worker) if worker else _("%d, gone") % job.worker_id

    @admin.display(description=_("positional arguments"))
    def shown_args(self, job: Job) -> SafeString:
        """Return the positional arguments as they are stored."""
        return _pretty(job.args)

    @admin.display(description=_("keyword arguments"))
    def shown_kwargs(self, job: Job) -> SafeString:
        """Return the keyword arguments as they are stored."""
        return _pretty(job.kwargs)

    @admin.display(description=_("result"))
    def shown_result(self, job: Job) -> SafeString:
        """Return the result as it is stored."""
        return _pretty(job.result)

    @admin.display(description=_("meta"))
    def shown_meta(self, job: Job) -> SafeString:
        """Return the data that was put on the job."""
        return _pretty(job.meta)

    @admin.display(description=_("errors"))
    def shown_errors(self, job: Job) -> SafeString | str:
        """Return every failed attempt that is kept, newest first."""
        if not job.errors:
            return ""
        return format_html_join(
            "",
            "<h4>{} {}: {}</h4><p>{} to {}, {}</p><pre>{}</pre>",
            (
                (
                    _("Attempt"), error.get("attempt"), error.get("message"),
                    error.get("started_at"), error.get("ended_at"), error.get("worker"),
                    error.get("traceback"),
                )
                for error in reversed(job.errors)
            ),
        )  # fmt: skip


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


@admin.register(Worker)
class WorkerAdmin(ReadOnly, _WorkerAdmin):
    """The workers that are alive, or were until a moment ago."""

    list_display = ("id", "hostname", "pid", "queues", "concurrency", "started_at", "heartbeat_at")
    ordering = ("hostname", "pid")


def _pretty(value: object) -> SafeString:
    text = json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True)
    return format_html("<pre>{}</pre>", text)
