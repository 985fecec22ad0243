"""Queues in the admin: how full they are; pause and resume them, and say what holds for each."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Field, QuerySet
from django.http import HttpRequest
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext, pgettext
from django.utils.translation import gettext_lazy as _

from django_jobs import api, coverage, wording
from django_jobs.admin import access, audit, failures, fullness, links
from django_jobs.admin.access import Power
from django_jobs.admin.dashboard import views
from django_jobs.admin.fullness import COUNTED, count_text
from django_jobs.admin.steering import Button, Steered
from django_jobs.models import Queue
from django_jobs.states import State

if TYPE_CHECKING:
    _QueueAdmin = admin.ModelAdmin[Queue]
else:
    _QueueAdmin = admin.ModelAdmin

_NOW = ("shown_state", *(f"count_{state.value}" for state in COUNTED), "shown_oldest")


class TagsField(forms.JSONField):
    """A list of texts; empty for none."""

    def prepare_value(self, value: Any) -> Any:
        """Leave the field empty where there is nothing."""
        return "" if value is None else super().prepare_value(value)


class Pause(forms.Form):
    """For how long a queue is paused."""

    until = forms.DateTimeField(
        label=_("Until"),
        required=False,
        help_text=_("Empty: until it is resumed."),
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}),
    )

    def clean_until(self) -> Any:
        """Refuse what is over."""
        until = self.cleaned_data["until"]
        if until is not None and until <= timezone.now():
            raise forms.ValidationError(_("That is in the past."))
        return until


@admin.register(Queue)
class QueueAdmin(Steered, _QueueAdmin):
    """Queues, with pause and resume. What is filled in goes over the settings."""

    list_display = ("name", *_NOW, "shown_workers", "shown_limits")
    readonly_fields = (*_NOW, "shown_serving", "created_at")
    limits = ("concurrency", "max_running", "rate_limit", "rate_burst", "weight", "tags")
    search_fields = ("name",)
    ordering = ("name",)
    show_full_result_count = False
    list_per_page = 100
    actions = ("pause_queues", "resume_queues")

    def get_urls(self) -> list[URLPattern]:
        """Add the dashboard, which shows the queues first of all, its buttons, and failures."""
        wrap = self.admin_site.admin_view
        return [
            path("dashboard/", wrap(views.fragment), name="django_jobs_dashboard"),
            path(
                "dashboard/steer/",
                wrap(partial(views.steer, admin=self)),
                name="django_jobs_dashboard_steer",
            ),
            *failures.urls(self.admin_site),
            *super().get_urls(),
        ]

    def formfield_for_dbfield(
        self, db_field: Field[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> Any:
        """Let no tags be an empty field."""
        if db_field.name == "tags":
            widget = forms.Textarea({"rows": 2, "cols": 40})
            kwargs |= {"form_class": TagsField, "widget": widget}
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    # What may be done ---------------------------------------------------------------------------

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

    def buttons(self, request: HttpRequest, row: Queue) -> list[Button]:
        """Return what makes sense: a pause may be given another end."""
        pause = Button("pause_queues", _("Pause"))
        return [pause, Button("resume_queues", _("Resume"))] if row.is_paused else [pause]

    def beside_buttons(self, request: HttpRequest, row: Queue) -> forms.Form:
        """Return until when it is paused."""
        return Pause()

    @admin.action(description=_("Pause selected queues"), permissions=["operate"])
    def pause_queues(self, request: HttpRequest, queryset: QuerySet[Queue]) -> None:
        """Let no more jobs of these queues start, until a time where one is given."""
        form = Pause(request.POST)
        if not form.is_valid():
            told = " ".join(str(text) for texts in form.errors.values() for text in texts)
            self.message_user(request, told, messages.ERROR)
            return
        until = form.cleaned_data["until"]
        queues = list(queryset)
        for queue in queues:
            api.pause_queue(queue.name, resume_at=until, using=queryset.db)
        done = gettext("Paused.")
        if until is not None:
            done = gettext("Paused until %s.") % wording.moment(until)
        audit.note(request, queues, done)
        told = " ".join((done, gettext("Running jobs go on.")))
        self.message_user(request, told, messages.SUCCESS)

    @admin.action(description=_("Resume selected queues"), permissions=["operate"])
    def resume_queues(self, request: HttpRequest, queryset: QuerySet[Queue]) -> None:
        """Let the jobs of these queues start again."""
        alias = queryset.db
        resumed = [one for one in queryset if api.resume_queue(one.name, using=alias)]
        audit.note(request, resumed, gettext("Resumed."))
        count = len(resumed)
        told = ngettext("%d queue was resumed.", "%d queues were resumed.", count) % count
        self.message_user(request, told, messages.SUCCESS if count else messages.WARNING)

    # What is shown ------------------------------------------------------------------------------

    def get_fieldsets(self, request: HttpRequest, obj: Queue | None = None) -> Any:
        """Begin with how full it is, once it is there."""
        description = _("What is empty is as the settings say.")
        holds = (_("What holds for it"), {"description": description, "fields": self.limits})
        if obj is None:
            return [(None, {"fields": ("name",)}), holds]
        seen = [name for name in _NOW if name == "shown_state" or access.may(request, Power.VIEW)]
        if access.may(request, Power.VIEW_WORKER):
            seen.append("shown_serving")
        return [
            (None, {"fields": ("name", "created_at")}),
            (_("Now"), {"fields": seen}),
            holds,
        ]

    def get_list_display(self, request: HttpRequest) -> Any:
        """Leave out what the user may not know."""
        names = [str(name) for name in super().get_list_display(request)]
        if not access.may(request, Power.VIEW):
            names = [name for name in names if name not in _NOW or name == "shown_state"]
        if not access.may(request, Power.VIEW_WORKER):
            names.remove("shown_workers")
        return names

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Look once for all queues of the page."""
        changelist: Any = super().get_changelist_instance(request)
        self._look(request, changelist.result_list)
        return changelist

    def get_object(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Queue | None:
        """Look around the one queue."""
        row = super().get_object(request, *args, **kwargs)
        if row is not None and request.method == "GET":
            self._look(request, [row])
        return row

    def _look(self, request: HttpRequest, rows: Any) -> None:
        using = rows.db if isinstance(rows, QuerySet) else rows[0]._state.db
        found = fullness.fullness(request, using=using)
        workers = coverage.live_workers(using=using)
        for row in rows:
            row.found, row.serving = found, coverage.serving(row.name, row, workers)

    @admin.display(description=_("state"), ordering="paused_at")
    def shown_state(self, queue: Queue) -> SafeString:
        """Return whether its jobs may start, and until when not."""
        if queue.paused_at is None or not queue.is_paused:
            return format_html("{}", gettext("open"))
        text = gettext("paused since %s") % wording.moment(queue.paused_at)
        if queue.resume_at is not None:
            text += " " + gettext("until %s") % wording.moment(queue.resume_at)
        return format_html('<div class="django-jobs-warning django-jobs-line">{}</div>', text)

    @admin.display(description=_("ready"))
    def count_ready(self, queue: Queue) -> SafeString:
        """Return how many of its jobs wait for a worker."""
        return _count(queue, State.READY)

    @admin.display(description=_("running"))
    def count_running(self, queue: Queue) -> SafeString:
        """Return how many of its jobs run."""
        return _count(queue, State.RUNNING)

    @admin.display(description=_("scheduled"))
    def count_scheduled(self, queue: Queue) -> SafeString:
        """Return how many of its jobs are not due."""
        return _count(queue, State.SCHEDULED)

    @admin.display(description=_("failed"))
    def count_failed(self, queue: Queue) -> SafeString:
        """Return how many of its jobs have failed for good."""
        return _count(queue, State.FAILED)

    @admin.display(description=_("oldest waits"))
    def shown_oldest(self, queue: Queue) -> str:
        """Return for how long the oldest ready job has been due."""
        found: Any = getattr(queue, "found", None)
        rows = found.queues if found is not None else []
        oldest = next((one.oldest for one in rows if one.name == queue.name), None)
        return "" if oldest is None else wording.span(oldest)

    @admin.display(description=_("workers"))
    def shown_workers(self, queue: Queue) -> SafeString:
        """Return how many workers take its jobs."""
        count = sum(not one.is_quiet for one in getattr(queue, "serving", ()))
        if count:
            return format_html("<span>{}</span>", wording.number(count))
        none = pgettext("workers", "none")
        return format_html('<span class="django-jobs-warning">{}</span>', none)

    @admin.display(description=_("served by"))
    def shown_serving(self, queue: Queue) -> SafeString:
        """Return the workers that serve it."""
        lines = (
            (
                links.page_of("worker", one.id, f"{one.hostname}:{one.pid}"),
                gettext("quiet") if one.is_quiet else "",
            )
            for one in getattr(queue, "serving", ())
        )
        none = format_html('<span class="django-jobs-warning">{}</span>', gettext("no worker"))
        return format_html_join("", "<div>{} {}</div>", lines) or none

    @admin.display(description=_("limits"))
    def shown_limits(self, queue: Queue) -> str:
        """Return what its row says, in short."""
        said = {
            gettext("%s running"): queue.max_running,
            gettext("%s per worker"): queue.concurrency,
            gettext("rate %s"): queue.rate_limit,
            gettext("weight %s"): queue.weight,
            gettext("tags %s"): ", ".join(map(str, queue.tags or ())),
        }
        return ", ".join(text % value for text, value in said.items() if value)


def _count(queue: Queue, state: State) -> SafeString:
    found: Any = getattr(queue, "found", None)
    return format_html("{}", "") if found is None else count_text(found, queue.name, state)
