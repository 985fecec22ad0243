"""The admin's page that enqueues a job: choose a function, then fill in its form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import AdminForm
from django.core.exceptions import ObjectDoesNotExist, PermissionDenied
from django.db import transaction
from django.db.models import Q, QuerySet
from django.forms import Media
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from django_jobs import api
from django_jobs.admin import access
from django_jobs.admin.access import Power
from django_jobs.admin.job.buttons import CSS
from django_jobs.admin.job.kept import Kept
from django_jobs.admin.job.optionfields import OPTIONS, options_of
from django_jobs.admin.job.sight import Sight
from django_jobs.admin.job.taskform import CallForm, TaskForm, form_of
from django_jobs.engine.sql import write_alias
from django_jobs.exceptions import JobsError
from django_jobs.models import Job, Task
from django_jobs.specs import JobSpec

if TYPE_CHECKING:
    _JobAdmin = admin.ModelAdmin[Job]
else:
    _JobAdmin = object

#: Functions that are listed; more are found by a search.
MOST = 100


class Adding(_JobAdmin):
    """Jobs are added by a form made for their function, and enqueued as Python does it."""

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        """Return whether the user may enqueue: whoever may add jobs."""
        return access.may(request, Power.ENQUEUE)

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show the functions, or the form of one; enqueue what was filled in."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        source = self._source(request)
        name = request.GET.get("task", "") if source is None else source.job.name
        task = _tasks().filter(name=name).first()
        if task is None:
            return self._choose(request, source)
        form = _form(task, source, request.POST if request.method == "POST" else None)
        if form.is_valid() and (spec := form.spec) is not None:
            try:
                return self._told(request, self._enqueue(request, spec, source))
            # What only enqueueing knows: a queue that is not declared.
            except (JobsError, ObjectDoesNotExist) as error:
                form.refuse(error)
        fieldsets: list[Any] = [(None, {"fields": form.arguments})] if form.arguments else []
        fieldsets.append((_("Options"), {"fields": OPTIONS}))
        shown = AdminForm(form, fieldsets, {})  # type: ignore[arg-type]
        context = {"task": task, "form": form, "adminform": shown, "source": source}
        return self._page(request, "enqueue.html", **context)

    def _source(self, request: HttpRequest) -> Sight | None:
        """Return the job that is to be cloned; 404 for one that the user may not see."""
        key = request.GET.get("clone", "")
        if not key:
            return None
        access.demand(request, Power.VIEW_ARGUMENTS)
        given = int(key) if key.isdecimal() and len(key) < 19 else 0
        job = self.get_queryset(request).filter(pk=given).first()
        if job is None:
            raise Http404
        return Sight(request, job)

    def _choose(self, request: HttpRequest, source: Sight | None) -> HttpResponse:
        """Show the functions that a search finds."""
        if source is not None:
            told = gettext("The function of this job is not in the catalogue: %s") % source.job.name
            messages.warning(request, told)
        wanted = request.GET.get("q", "").strip()
        tasks = _tasks()
        for word in wanted.split()[:10]:
            tasks = tasks.filter(Q(name__icontains=word) | Q(help__icontains=word))
        found = list(tasks[: MOST + 1])
        context = {"tasks": found[:MOST], "is_cut": len(found) > MOST, "most": MOST, "q": wanted}
        return self._page(request, "choose_task.html", **context)

    def _enqueue(self, request: HttpRequest, spec: JobSpec, source: Sight | None) -> Job:
        if source is not None and source.job.meta:
            # It may say whose job it is.
            spec = spec.with_meta(Kept(source.job.meta, None).value)
        with transaction.atomic(using=write_alias(None)):
            row = api.enqueue(spec)
            if row.created:
                self.log_addition(request, row, _said(source))
        return row

    def _page(self, request: HttpRequest, template: str, **context: Any) -> HttpResponse:
        context |= self.admin_site.each_context(request)
        media = self.media + Media(css=CSS)
        media += context["form"].media if "form" in context else Media()
        context |= {"opts": Job._meta, "title": _("Enqueue a job"), "media": media}
        return TemplateResponse(request, f"admin/django_jobs/job/{template}", context)

    def _told(self, request: HttpRequest, row: Job) -> HttpResponse:
        may_see = access.may_in(request, Power.VIEW, row.pk)
        if row.created:
            messages.success(request, gettext("Job %d was enqueued.") % row.pk)
        elif may_see:
            messages.warning(
                request, gettext("Nothing was enqueued: this job holds the unique key.")
            )
        else:
            told = gettext("Nothing was enqueued: another job holds the unique key.")
            messages.warning(request, told)
        if may_see:
            return self._redirect("admin:django_jobs_job_change", row.pk)
        return self._redirect("admin:index")

    def _redirect(self, name: str, *args: Any) -> HttpResponse:
        where = reverse(name, args=args, current_app=self.admin_site.name)
        return HttpResponseRedirect(where)


def _tasks() -> QuerySet[Task]:
    return Task.objects.using(write_alias(None)).filter(is_current=True).order_by("name")


def _form(task: Task, source: Sight | None, data: Any) -> CallForm:
    if source is None:
        return TaskForm(task, data)
    return form_of(source, task, data, initial=options_of(source.job, task))


def _said(source: Sight | None) -> list[dict[str, Any]] | str:
    return [{"added": {}}] if source is None else f"Cloned from job {source.job.pk}."
