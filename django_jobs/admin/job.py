"""Jobs in the admin: look at them, retry them, cancel them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from django_jobs import api
from django_jobs.admin import display
from django_jobs.admin.adding import Adding
from django_jobs.admin.filters import QueueFilter
from django_jobs.admin.readonly import ReadOnly
from django_jobs.admin.relations import Relations
from django_jobs.explanations import error_text, explain
from django_jobs.models import Job, Schedule, Worker

if TYPE_CHECKING:
    _JobAdmin = admin.ModelAdmin[Job]
else:
    _JobAdmin = admin.ModelAdmin


@admin.register(Job)
class JobAdmin(Relations, Adding, ReadOnly, _JobAdmin):
    """Jobs by state, newest first, with retry and cancel."""

    class Media:
        css = {"all": ["django_jobs/admin.css"]}

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
                    "shown_workflow",
                )
            },
        ),
        (_("Arguments"), {"fields": ("shown_args", "shown_kwargs", "shown_result")}),
        (
            _("Runs"),
            {
                "fields": (
                    "attempts_used",
                    "ran_for",
                    "timeout",
                    "memory_limit",
                    "units",
                    "claims",
                    "reprieves",
                )
            },
        ),
        (
            _("Times"),
            {"fields": ("enqueued_at", "scheduled_at", "started_at", "finished_at", "prune_at")},
        ),
        (_("Errors"), {"fields": ("fingerprint", "shown_errors")}),
        (_("Yours"), {"fields": ("shown_meta",)}),
    )

    def get_fieldsets(self, request: HttpRequest, obj: Job | None = None) -> Any:
        """Begin with the explanation, if the job has not ended, and with what the job says."""
        fieldsets = super().get_fieldsets(request, obj)
        first: list[Any] = []
        if obj is not None and not obj.is_finished:
            runs = obj.state == Job.State.RUNNING
            question = _("How is it running?") if runs else _("Why is it not running?")
            first.append((question, {"fields": ("shown_explanation",)}))
        told = {"shown_progress": obj and obj.progress, "shown_log": obj and obj.log}
        if obj is not None and obj.schedule_id is not None:
            first.append((_("Where it comes from"), {"fields": ("shown_schedule", "tick")}))
        if any(told.values()):
            fields = [name for name, value in told.items() if value]
            first.append((_("What it says"), {"fields": fields}))
        if obj is not None:
            first += self.relations(obj)
        return [*first, *fieldsets]

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

    @admin.display(description=_("worker"))
    def shown_worker(self, job: Job) -> str:
        """Return who runs the job or ran it last, which may be gone."""
        if job.worker_id is None:
            return ""
        worker = Worker.objects.using(job._state.db).filter(pk=job.worker_id).first()
        return str(worker) if worker else _("%d, gone") % job.worker_id

    @admin.display(description=_("schedule"))
    def shown_schedule(self, job: Job) -> SafeString | str:
        """Return the schedule that made the job, which may be gone."""
        if job.schedule_id is None:
            return ""
        row = Schedule.objects.using(job._state.db).filter(pk=job.schedule_id).first()
        if row is None:
            return _("%d, gone") % job.schedule_id
        page = reverse("admin:django_jobs_schedule_change", args=[job.schedule_id])
        return format_html('<a href="{}">{}</a>', page, row)

    @admin.display(description=_("workflow"))
    def shown_workflow(self, job: Job) -> SafeString | str:
        """Return the workflow that the job is part of, and its step."""
        return display.workflow(job) if job.step_id else ""

    @admin.display(description=_("positional arguments"))
    def shown_args(self, job: Job) -> SafeString:
        """Return the positional arguments as they are stored."""
        return display.pretty(job.args)

    @admin.display(description=_("keyword arguments"))
    def shown_kwargs(self, job: Job) -> SafeString:
        """Return the keyword arguments as they are stored."""
        return display.pretty(job.kwargs)

    @admin.display(description=_("result"))
    def shown_result(self, job: Job) -> SafeString:
        """Return the result as it is stored."""
        return display.pretty(job.result)

    @admin.display(description=_("meta"))
    def shown_meta(self, job: Job) -> SafeString:
        """Return the data that was put on the job."""
        return display.pretty(job.meta)

    @admin.display(description=_("errors"))
    def shown_errors(self, job: Job) -> SafeString | str:
        """Return every failed attempt that is kept, newest first."""
        return display.errors(job.errors) if job.errors else ""

    @admin.display(description=_("progress"))
    def shown_progress(self, job: Job) -> SafeString | str:
        """Return how far the job says it has got."""
        return display.progress(job.progress) if job.progress else ""

    @admin.display(description=_("log"))
    def shown_log(self, job: Job) -> SafeString | str:
        """Return the lines that the job has logged."""
        return display.log(job.log) if job.log else ""

    @admin.display(description=_("answer"))
    def shown_explanation(self, job: Job) -> SafeString:
        """Return why the job is where it is."""
        try:
            return display.explanation(explain(job))
        except Job.DoesNotExist:  # pruned while the page was being made
            return format_html("{}", _("It is gone."))
