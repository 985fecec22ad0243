"""The list of schedules: when they tick, what came of it, and what is done with many."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from django_jobs import api
from django_jobs.admin import access, audit, display, links
from django_jobs.admin.access import Power
from django_jobs.models import Job, Schedule
from django_jobs.scheduling import Source
from django_jobs.wording import first_line

if TYPE_CHECKING:
    _ScheduleAdmin = admin.ModelAdmin[Schedule]
else:
    _ScheduleAdmin = object


class Listing(_ScheduleAdmin):
    """Schedules by name."""

    list_display = (
        "name", "shown_function", "shown_timing", "is_enabled", "shown_next", "last_tick",
        "shown_last_job", "shown_note",
    )  # fmt: skip
    search_fields = ("name", "function")
    ordering = ("name",)
    actions = ("run_now", "enable", "disable")

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Look up the last jobs of the page by their ids, those that the user may see."""
        changelist: Any = super().get_changelist_instance(request)
        if access.may(request, Power.VIEW):
            # Not by a join: misled by old statistics, that may go through all jobs.
            keys = [row.last_job_id for row in changelist.result_list if row.last_job_id]
            jobs = access.visible(request).filter(pk__in=keys).only("name", "state").in_bulk()
            sees_all = access.sees_all(request)
            for row in changelist.result_list:
                row.seen_job = jobs.get(row.last_job_id)
                row.knows_job = sees_all or row.seen_job is not None
        return changelist

    def has_delete_permission(self, request: HttpRequest, obj: Schedule | None = None) -> bool:
        """Refuse for what is declared: it would come back. Disable it instead."""
        if obj is not None and obj.source == Source.CODE:
            return False
        return super().has_delete_permission(request, obj)

    def has_run_permission(self, request: HttpRequest) -> bool:
        """Return whether the user may run schedules now."""
        return access.may(request, Power.RUN_SCHEDULE)

    @admin.action(description=_("Run selected schedules now"), permissions=["run"])
    def run_now(self, request: HttpRequest, queryset: QuerySet[Schedule]) -> None:
        """Make a job of each; their ticks come as ever."""
        made = 0
        ran: list[Schedule] = []
        for schedule in queryset:
            try:
                made += len(api.run_now([schedule], using=queryset.db))
                ran.append(schedule)
            except Exception as error:  # what is wrong with one is told, and the others run
                told = f"{schedule}: {first_line(error)}"
                self.message_user(request, told, messages.ERROR)
        audit.note(request, ran, gettext("Run now."))
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
        switched = list(queryset.exclude(is_enabled=on))
        for schedule in switched:
            schedule.is_enabled = on
            schedule.save()
        audit.note(request, switched, gettext("Enabled.") if on else gettext("Disabled."))
        count = len(switched)
        told = ngettext("%d schedule was switched.", "%d schedules were switched.", count) % count
        self.message_user(request, told, messages.SUCCESS if count else messages.WARNING)

    @admin.display(description=_("function"), ordering="function")
    def shown_function(self, schedule: Schedule) -> SafeString:
        """Return the name of the function, which may be broken into lines."""
        return display.dotted(schedule.function)

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
        if not getattr(schedule, "knows_job", False):
            return ""
        job: Job | None = getattr(schedule, "seen_job", None)
        if job is None:
            return "" if schedule.last_job_id is None else f"#{schedule.last_job_id}"
        page = links.page_of("job", job.pk, f"#{job.pk}")
        return format_html("{} {}", page, job.get_state_display())

    @admin.display(description=_("note"))
    def shown_note(self, schedule: Schedule) -> str:
        """Return the beginning of the note."""
        return "" if schedule.note is None else first_line(schedule.note)
