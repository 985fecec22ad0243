"""The page of a schedule: its form with a preview, what stands in its way, what it has made."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Field
from django.http import HttpRequest, HttpResponse
from django.urls import path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from django_jobs import wording
from django_jobs.admin import access, display, links
from django_jobs.admin.access import Power
from django_jobs.admin.schedule.preview import Timing, preview, problem
from django_jobs.admin.steering import Button
from django_jobs.conf import options
from django_jobs.models import Job, Queue, Schedule
from django_jobs.redaction import redact
from django_jobs.registry import declared_names
from django_jobs.scheduling import Source

if TYPE_CHECKING:
    _ScheduleAdmin = admin.ModelAdmin[Schedule]
    _ScheduleForm = forms.ModelForm[Schedule]
else:
    _ScheduleAdmin = object
    _ScheduleForm = forms.ModelForm

#: Jobs of one schedule that are shown.
SHOWN_JOBS = 20
_SAID = (
    "name", "function", "args", "kwargs", "cron", "every", "timezone", "start_at", "end_at",
    "missed", "overlap", "queue", "priority",
)  # fmt: skip
_SEEN = ("next_runs", "source", "shown_obstacles", "last_tick", "note", "shown_history")


class ScheduleForm(_ScheduleForm):
    """A schedule's form. The button "Preview" shows it again and saves nothing."""

    def is_valid(self) -> bool:
        """Return whether it is to be saved."""
        return super().is_valid() and "_preview" not in self.data


class Page(_ScheduleAdmin):
    """One schedule."""

    form = ScheduleForm
    change_form_template = "admin/django_jobs/schedule/form.html"

    # The form ------------------------------------------------------------------------------------

    def get_fieldsets(self, request: HttpRequest, obj: Schedule | None = None) -> Any:
        """Put the preview beside what says when; and the past at the end, once there is one."""
        when = ("cron", "every", "timezone", "start_at", "end_at", "next_runs")
        fieldsets: list[Any] = [
            (None, {"fields": ("name", "function", "is_enabled")}),
            *self._arguments(request, obj),
            (_("When"), {"fields": when}),
            (_("How"), {"fields": ("missed", "overlap", "queue", "priority")}),
        ]
        if obj is not None:
            seen = [name for name in _SEEN if name != "next_runs"]
            if not access.may(request, Power.VIEW):
                seen.remove("shown_history")
            fieldsets.append((_("Runs"), {"fields": seen}))
        return fieldsets

    def _arguments(self, request: HttpRequest, obj: Schedule | None) -> list[Any]:
        """Show arguments that cannot be changed as those of jobs: to some users, and no secrets."""
        is_written = obj is None or obj.source == Source.HAND
        if is_written and (obj is None or self.has_change_permission(request, obj)):
            return [(_("Arguments"), {"fields": ("args", "kwargs")})]
        if not access.may(request, Power.VIEW_ARGUMENTS):
            return []
        return [(_("Arguments"), {"fields": ("shown_args", "shown_kwargs")})]

    def get_readonly_fields(self, request: HttpRequest, obj: Schedule | None = None) -> Any:
        """Leave to the code what the code says."""
        said = obj is not None and obj.source != Source.HAND
        return (*_SEEN, "shown_args", "shown_kwargs", *(_SAID if said else ()))

    def formfield_for_dbfield(
        self, db_field: Field[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> Any:
        """Let only functions be chosen that are declared to be jobs."""
        if db_field.name != "function":
            return super().formfield_for_dbfield(db_field, request, **kwargs)
        names = declared_names()
        return forms.ChoiceField(
            label=capfirst(db_field.verbose_name),
            choices=[("", "---------"), *zip(names, names, strict=True)],
        )

    def get_object(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Schedule | None:
        """Look up what the schedule has made, of those jobs that the user may see."""
        row = super().get_object(request, *args, **kwargs)
        if row is not None and access.may(request, Power.VIEW):
            made = access.visible(request).filter(schedule_id=row.pk).order_by("-pk")
            row.made = list(made.defer("args", "kwargs", "errors", "result", "log")[:SHOWN_JOBS])  # type: ignore[attr-defined]
        return row

    def render_change_form(
        self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any
    ) -> Any:
        """Offer a preview where there is something to fill in."""
        obj, is_new = kwargs.get("obj"), kwargs.get("add", False)
        may = self.has_add_permission(request) if is_new else self.has_change_permission(request)
        context["show_preview"] = may and (is_new or obj is None or obj.source == Source.HAND)
        return super().render_change_form(request, context, *args, **kwargs)

    # The preview ---------------------------------------------------------------------------------

    def get_urls(self) -> list[Any]:
        """Add the address of the preview."""
        view = self.admin_site.admin_view(self.preview)
        return [path("preview/", view, name="django_jobs_schedule_preview"), *super().get_urls()]

    def preview(self, request: HttpRequest) -> HttpResponse:
        """Return when a schedule would tick by what is filled in so far. Nothing is written."""
        if not (self.has_add_permission(request) or self.has_change_permission(request)):
            raise PermissionDenied
        key = request.GET.get("schedule", "")
        known = self.get_object(request, key) if key.isdecimal() else None
        schedule = known or Schedule()
        form = Timing(request.GET)
        if not form.is_valid():
            texts = (str(text) for errors in form.errors.values() for text in errors)
            return HttpResponse(problem(" ".join(texts)))
        form.put_on(schedule)
        return HttpResponse(preview(schedule))

    @admin.display(description=_("next five runs"))
    def next_runs(self, schedule: Schedule) -> SafeString:
        """Return when it ticks, by what is filled in. A script keeps it so while one types."""
        is_empty = schedule.cron is None and schedule.every is None
        told = "" if schedule._state.adding and is_empty else preview(schedule)
        return format_html(
            '<div id="django-jobs-preview" aria-live="polite" data-url="{}" data-schedule="{}">{}'
            "</div>",
            *(reverse("admin:django_jobs_schedule_preview"), schedule.pk or "", told),
        )

    @admin.display(description=_("positional arguments"))
    def shown_args(self, schedule: Schedule) -> SafeString:
        """Return the arguments of its jobs."""
        return display.pretty(redact(schedule.args, options().admin_redact))

    @admin.display(description=_("keyword arguments"))
    def shown_kwargs(self, schedule: Schedule) -> SafeString:
        """Return the arguments of its jobs, without what is named like a secret."""
        return display.pretty(redact(schedule.kwargs, options().admin_redact))

    # What is around it ---------------------------------------------------------------------------

    def buttons(self, request: HttpRequest, row: Schedule) -> list[Button]:
        """Return what makes sense for it now."""
        run = Button("run_now", _("Run now"))
        switch = (
            Button("disable", _("Disable")) if row.is_enabled else Button("enable", _("Enable"))
        )
        return [run, switch]

    @admin.display(description=_("in its way"))
    def shown_obstacles(self, schedule: Schedule) -> SafeString:
        """Return why it makes no jobs, or why these do not run."""
        lines = format_html_join("", "<div>{}</div>", ((text,) for text in _obstacles(schedule)))
        return format_html('<div class="django-jobs-warning">{}</div>', lines) if lines else lines

    @admin.display(description=_("last jobs"))
    def shown_history(self, schedule: Schedule) -> SafeString:
        """Return the newest jobs that it has made."""
        titles = (_("job"), _("state"), _("tick"), _("ran for"))
        rows = format_html_join(
            "",
            "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            (_made(job) for job in getattr(schedule, "made", ())),
        )
        if not rows:
            return format_html("{}", gettext("none that is kept"))
        return format_html(
            '<div class="django-jobs-scroll" tabindex="0" role="region" aria-label="{}">'
            '<table class="django-jobs-steps"><thead><tr>{}</tr>'
            "</thead><tbody>{}</tbody></table></div>",
            gettext("last jobs"),
            format_html_join("", '<th scope="col">{}</th>', ((title,) for title in titles)),
            rows,
        )


def _made(job: Job) -> tuple[Any, ...]:
    return (
        links.page_of("job", job.pk, f"#{job.pk}"),
        display.badge(job.state, job.get_state_display()),
        "" if job.tick is None else wording.moment(job.tick),
        "" if job.duration is None else wording.span(job.duration),
    )


def _obstacles(schedule: Schedule) -> Iterator[str]:
    if schedule.source == Source.WITHDRAWN:
        yield gettext("The code declares it no more.")
    if not schedule.is_enabled:
        yield gettext("It is disabled.")
    if schedule.is_over:
        yield gettext("It is over: no tick will come any more.")
    try:
        name = schedule.spec().queue
    except Exception as error:  # whatever is wrong with its function or its arguments
        yield wording.first_line(error)
        return
    queue = Queue.objects.using(schedule._state.db).filter(name=name).first()
    if queue is not None and queue.is_paused:
        yield gettext("The queue of its jobs, %s, is paused: they wait.") % queue
