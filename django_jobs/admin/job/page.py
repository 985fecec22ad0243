"""The page of one job: what it is, where it is and why, and all that happened to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from django_jobs.admin import access
from django_jobs.admin.access import Power
from django_jobs.admin.job.buttons import CSS
from django_jobs.admin.job.editing import Editing
from django_jobs.admin.job.facts import origin, properties
from django_jobs.admin.job.journal import journal
from django_jobs.admin.job.relations import relations
from django_jobs.admin.job.sight import Sight
from django_jobs.admin.job.timeline import events, moment_of
from django_jobs.admin.job.values import readable
from django_jobs.explanations import explain
from django_jobs.lifesigns import progress_share, progress_text
from django_jobs.models import Job
from django_jobs.reasons import Code

if TYPE_CHECKING:
    _JobAdmin = admin.ModelAdmin[Job]
else:
    _JobAdmin = object

#: Seconds between two looks at a job that has not ended.
INTERVAL = 2
#: Log lines that are shown, the newest.
MOST_LINES = 200


class Page(Editing, _JobAdmin):
    """One job."""

    def get_urls(self) -> list[URLPattern]:
        """Add the part of the page that is asked for again and again."""
        view = self.admin_site.admin_view(self.live_view)
        own = [path("<int:key>/live/", view, name="django_jobs_job_live")]
        return [*own, *super().get_urls()]

    def get_fieldsets(self, request: HttpRequest, obj: Job | None = None) -> Any:
        """Return none: the page has sections of its own, and nothing to save."""
        return []

    def render_change_form(
        self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Show the job."""
        job = context["original"]
        sight = Sight(request, job)
        context |= self._live(sight) | _still(sight)
        # The name of a job is its function: the title says what it is.
        context |= {"subtitle": str(job), "title": _("Job")}
        context["media"] += forms.Media(
            css=CSS,
            js=[forms.Script("django_jobs/live.js", defer=True)],  # type: ignore[list-item]
        )
        return super().render_change_form(request, context, *args, **kwargs)

    def live_view(self, request: HttpRequest, key: int) -> HttpResponse:
        """Show the part of the page that changes while the job lives."""
        return _safe(request, key, self)

    def _live(self, sight: Sight) -> dict[str, Any]:
        """Return what the live part shows."""
        job = sight.job
        return {
            "job": job,
            "sight": sight,
            "buttons": self.buttons(sight),
            "events": events(sight),
            "live_url": reverse("admin:django_jobs_job_live", args=[job.pk]),
            "interval": INTERVAL,
            **_explained(sight),
            **_said(sight),
            "result": sight.value(job.result) if sight.sees_data and job.result is not None else "",
        }


@require_safe
def _safe(request: HttpRequest, key: int, page: Page) -> HttpResponse:
    access.demand(request, Power.VIEW)
    job = page.get_queryset(request).filter(pk=key).first()
    if job is None:
        raise Http404
    context = page._live(Sight(request, job))
    response = TemplateResponse(request, "admin/django_jobs/job/live.html", context)
    response.headers["Cache-Control"] = "no-store"
    return response


def _explained(sight: Sight) -> dict[str, Any]:
    """Return where the job is and why, in as many words as the user may read."""
    try:
        given = explain(sight.job)
    except Job.DoesNotExist:  # pruned while the page was being made
        return {"headline": _("It is gone."), "reasons": []}
    question = ""
    if not sight.job.is_finished:
        runs = given.state == Job.State.RUNNING
        question = _("How is it running?") if runs else _("Why is it not running?")
    data = sight.sees_data and sight.knows_cause
    told = [
        (one.code, sight.text(one.told(jobs=sight.sees_all, data=data)))
        for one in given.reasons
        if one.code not in {Code.KEPT, Code.LAST_ERROR} or not sight.job.is_finished
    ]
    return {"headline": given.headline, "question": question, "reasons": told}


def _said(sight: Sight) -> dict[str, Any]:
    """Return what the job says of itself: its progress, and its log."""
    job = sight.job
    said: dict[str, Any] = {}
    if isinstance(job.progress, dict):
        told = job.progress if sight.sees_data else {**job.progress, "message": None}
        share = progress_share(told)
        said["progress"] = sight.text(progress_text(told))
        said["share"] = None if share is None else f"{min(max(share, 0), 1):.4f}"
    if sight.sees_data and isinstance(job.log, list):
        lines = [line for line in job.log if isinstance(line, dict)][-MOST_LINES:]
        said["log"] = [
            {
                "at": moment_of(line.get("at")),
                "attempt": line.get("attempt"),
                "message": sight.text(line.get("message") or ""),
            }
            for line in lines
        ]
    return said


def _still(sight: Sight) -> dict[str, Any]:
    """Return what does not change while one looks at it."""
    job, entries = sight.job, journal(sight.job)
    data: dict[str, str] = {}
    if sight.sees_data:
        data = {
            "args": readable(sight.args) if job.args else "",
            "kwargs": readable(sight.kwargs) if job.kwargs else "",
            "meta": readable(sight.meta) if job.meta else "",
        }
    return {
        **data,
        "properties": properties(sight),
        "origin": origin(sight, entries),
        "relations": relations(sight),
        "journal": entries,
    }
