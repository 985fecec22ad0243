"""The page of one job: what it is, where it is and why, and all that happened to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from django_jobs.admin import display
from django_jobs.admin.job.relations import Relations
from django_jobs.explanations import explain
from django_jobs.models import Job, Schedule, Worker

if TYPE_CHECKING:
    _JobAdmin = admin.ModelAdmin[Job]
else:
    _JobAdmin = object


class Page(Relations, _JobAdmin):
    """One job."""

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
