"""The list of jobs: what it shows of each, and how it is asked for."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.admin import ShowFacets, helpers
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_jobs import finding, wording
from django_jobs.admin import display
from django_jobs.admin.job import searching
from django_jobs.admin.job.actions import Actions
from django_jobs.admin.job.changelist import JobList
from django_jobs.conf import options
from django_jobs.explanations import error_text
from django_jobs.models import Job

if TYPE_CHECKING:
    _JobAdmin = admin.ModelAdmin[Job]
else:
    _JobAdmin = object

#: Characters of an error that are shown.
LONGEST = 100


class Listing(Actions, _JobAdmin):
    """Jobs, newest first."""

    change_list_template = "admin/django_jobs/job/change_list.html"
    list_display = (
        "number", "badge", "function", "queue", "priority", "attempts_used", "due", "ran_for",
        "by",
    )  # fmt: skip
    list_display_links = ("number",)
    # Not by columns: there is no index of them.
    sortable_by = ()
    # Its form is drawn by the template of the list.
    search_fields = ("name__startswith",)
    ordering = ("-id",)
    show_full_result_count = False
    show_facets = ShowFacets.NEVER

    def get_changelist(self, request: HttpRequest, **how: Any) -> type[JobList]:
        """Return the list that counts nothing."""
        return JobList

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Let an action on all that match begin without a single one being selected."""
        name = helpers.ACTION_CHECKBOX_NAME
        if request.method == "POST":
            data = request.POST.copy()
            selected = [key for key in data.getlist(name) if searching.is_id(key)]
            is_across = data.get("select_across") == "1"
            data.setlist(name, selected or (["0"] if is_across else []))
            request.POST = data  # type: ignore[assignment]
        return super().changelist_view(request, extra_context)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Job], search_term: str
    ) -> tuple[QuerySet[Job], bool]:
        """Find jobs by what is typed into a field that completes it."""
        asked = searching.criteria(search_term, by_arguments=False, secrets=())
        return finding.meeting(asked, queryset), False

    @property
    def search_help_text(self) -> str:  # type: ignore[override]
        """Return what can be searched for."""
        if options().admin_search_arguments:
            return _(
                "An id, the beginning of a function's name, a whole unique or concurrency key, or "
                "arguments such as order=17."
            )
        return _("An id, the beginning of a function's name, a whole unique or concurrency key.")

    @admin.display(description=gettext_lazy("id"))
    def number(self, job: Job) -> str:
        """Return the id as it is written in logs."""
        return str(job.pk)

    @admin.display(description=gettext_lazy("state"))
    def badge(self, job: Job) -> SafeString:
        """Return the state in its colour."""
        return display.badge(job.state, job.get_state_display())

    @admin.display(description=gettext_lazy("function"))
    def function(self, job: Job) -> SafeString:
        """Return the name of the function, and below it the last error."""
        if not (error := _last_error(job)):
            return display.dotted(job.name)
        return format_html(
            '{}<div class="django-jobs-error">{}</div>', display.dotted(job.name), error
        )

    @admin.display(description=gettext_lazy("attempts"))
    def attempts_used(self, job: Job) -> str:
        """Return the runs started, of those allowed."""
        return f"{job.attempts} / {job.max_attempts}"

    @admin.display(description=gettext_lazy("run at"))
    def due(self, job: Job) -> SafeString:
        """Return how far from now it is due or was, and exactly when."""
        return _moment(job.scheduled_at)

    @admin.display(description=gettext_lazy("duration"))
    def ran_for(self, job: Job) -> SafeString | str:
        """Return how long the last run took, or has taken up to now."""
        if job.duration is not None:
            return format_html("{}", wording.span(job.duration))
        if job.state != Job.State.RUNNING or job.started_at is None:
            return ""
        return format_html("{} …", wording.span(timezone.now() - job.started_at))

    @admin.display(description=gettext_lazy("worker"))
    def by(self, job: Job) -> str:
        """Return who runs it or ran it last; its number alone, if it is gone."""
        if job.worker_id is None:
            return ""
        return str(job.worker) if job.worker is not None else f"#{job.worker_id}"


def _last_error(job: Job) -> str:
    """Return the last error's first line, shortened."""
    told = {
        "exception": getattr(job, "last_exception", None),
        "message": getattr(job, "last_message", None),
    }
    text = error_text(told)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _moment(at: datetime) -> SafeString:
    """Return a time as people tell it from now, with the time itself behind it."""
    away = at - timezone.now()
    seconds = away.total_seconds()
    text = _("in %s") if seconds > 0 else _("%s ago")
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        *(at.isoformat(), wording.moment(at), text % _short(abs(seconds))),
    )


def _short(seconds: float) -> str:
    """Return a duration by its largest unit alone, such as ``3 min``."""
    return wording.span(int(seconds), units=1)
