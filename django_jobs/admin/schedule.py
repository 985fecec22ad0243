"""Schedules in the admin: make them, change them, run them now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Field, QuerySet
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from django_jobs import api
from django_jobs.admin import access
from django_jobs.admin.access import Power
from django_jobs.exceptions import JobsError
from django_jobs.models import Schedule
from django_jobs.registry import declared_names
from django_jobs.scheduling import Source
from django_jobs.wording import first_line

if TYPE_CHECKING:
    _ScheduleAdmin = admin.ModelAdmin[Schedule]
else:
    _ScheduleAdmin = admin.ModelAdmin

#: Ticks that are shown of one schedule.
SHOWN_RUNS = 5
_SAID = (
    "name", "function", "args", "kwargs", "cron", "every", "timezone", "start_at", "end_at",
    "missed", "overlap", "queue", "priority",
)  # fmt: skip
_SEEN = ("source", "next_runs", "last_tick", "shown_last_job", "note")


@admin.register(Schedule)
class ScheduleAdmin(_ScheduleAdmin):
    """Schedules. Of those that code declares people decide one thing: whether they are enabled."""

    list_display = (
        "name", "function", "shown_timing", "is_enabled", "shown_next", "last_tick",
        "shown_last_job", "shown_note",
    )  # fmt: skip
    list_filter = ("is_enabled", "source", "missed")
    list_select_related = ("last_job",)
    search_fields = ("name", "function")
    ordering = ("name",)
    actions = ("run_now", "enable", "disable")
    fieldsets = (
        (None, {"fields": ("name", "function", "is_enabled")}),
        (_("Arguments"), {"fields": ("args", "kwargs")}),
        (_("When"), {"fields": ("cron", "every", "timezone", "start_at", "end_at")}),
        (_("How"), {"fields": ("missed", "overlap", "queue", "priority")}),
        (_("Runs"), {"fields": _SEEN}),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: Schedule | None = None) -> Any:
        """Leave to the code what the code says."""
        said = obj is not None and obj.source != Source.HAND
        return (*_SEEN, *(_SAID if said else ()))

    def has_delete_permission(self, request: HttpRequest, obj: Schedule | None = None) -> bool:
        """Refuse for what is declared: it would come back. Disable it instead."""
        if obj is not None and obj.source == Source.CODE:
            return False
        return super().has_delete_permission(request, obj)

    def formfield_for_dbfield(
        self, db_field: Field[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> Any:
        """Let only functions be chosen that are declared to be jobs."""
        if db_field.name != "function":
            return super().formfield_for_dbfield(db_field, request, **kwargs)
        names = declared_names()
        return forms.ChoiceField(
            label=db_field.verbose_name,
            choices=[("", "---------"), *zip(names, names, strict=True)],
        )

    def has_run_permission(self, request: HttpRequest) -> bool:
        """Return whether the user may run schedules now."""
        return access.may(request, Power.RUN_SCHEDULE)

    @admin.action(description=_("Run selected schedules now"), permissions=["run"])
    def run_now(self, request: HttpRequest, queryset: QuerySet[Schedule]) -> None:
        """Make a job of each; their ticks come as ever."""
        made = 0
        for schedule in queryset:
            try:
                made += len(api.run_now([schedule], using=queryset.db))
            except Exception as error:  # what is wrong with one is told, and the others run
                told = f"{schedule}: {first_line(error)}"
                self.message_user(request, told, messages.ERROR)
        if made:
            told = ngettext("%d job was enqueued.", "%d jobs were enqueued.", made) % made
            self.message_user(request, told, messages.SUCCESS)

    @admin.action(description=_("Enable selected schedules"), permissions=["change"])
    def enable(self, request: HttpRequest, queryset: QuerySet[Schedule]) -> None:
        """Let them tick from now on."""
        self._switch(request, queryset, on=True)

    @admin.action(description=_("Disable selected schedules"), permissions=["change"])
    def disable(self, request: HttpRequest, queryset: QuerySet[Schedule]) -> None:
        """Let them tick no more."""
        self._switch(request, queryset, on=False)

    def _switch(self, request: HttpRequest, queryset: QuerySet[Schedule], *, on: bool) -> None:
        switched = 0
        for schedule in queryset.exclude(is_enabled=on):
            schedule.is_enabled = on
            schedule.save()
            switched += 1
        told = ngettext("%d schedule was switched.", "%d schedules were switched.", switched)
        self.message_user(request, told % switched, messages.SUCCESS)

    @admin.display(description=_("when"), ordering="cron")
    def shown_timing(self, schedule: Schedule) -> SafeString | str:
        """Return the expression and what it means, or the interval."""
        if schedule.cron is None:
            return schedule.words
        zone = f" ({schedule.timezone})" if schedule.timezone else ""
        return format_html("<code>{}</code><br>{}{}", schedule.cron, schedule.words, zone)

    @admin.display(description=_("next tick"), ordering="next_tick")
    def shown_next(self, schedule: Schedule) -> Any:
        """Return the next tick, if there is one."""
        if not schedule.is_enabled or schedule.is_over or schedule.source == Source.WITHDRAWN:
            return ""
        return schedule.next_tick

    @admin.display(description=_("last job"))
    def shown_last_job(self, schedule: Schedule) -> SafeString | str:
        """Return the last job and its state, where it is not pruned."""
        job = schedule.last_job
        if job is None:
            return "" if schedule.last_job_id is None else f"#{schedule.last_job_id}"
        try:
            page = reverse("admin:django_jobs_job_change", args=[job.pk])
        except NoReverseMatch:  # a project may take the jobs out of its admin
            return f"#{job.pk} {job.get_state_display()}"
        return format_html('<a href="{}">#{}</a> {}', page, job.pk, job.get_state_display())

    @admin.display(description=_("note"))
    def shown_note(self, schedule: Schedule) -> str:
        """Return the beginning of the note."""
        return "" if schedule.note is None else first_line(schedule.note)

    @admin.display(description=_("next five runs"))
    def next_runs(self, schedule: Schedule) -> SafeString | str:
        """Return the next ticks, each as the schedule's own time zone tells it."""
        if schedule._state.adding:
            return str(_("Save it to see them."))
        try:
            runs = schedule.next_runs(SHOWN_RUNS)
        except JobsError as error:
            return str(error)
        lines = ((f"{run:%a %Y-%m-%d %H:%M:%S %Z}",) for run in runs)
        return format_html_join("", "<div>{}</div>", lines) or str(_("None: it is over."))
