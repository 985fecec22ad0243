"""The admin's page that enqueues a job: choose a function, then fill in its form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import AdminForm
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as now_
from django.utils.translation import gettext_lazy as _

from django_jobs import api
from django_jobs.admin.job.taskform import OPTIONS, TaskForm
from django_jobs.engine.sql import write_alias
from django_jobs.exceptions import JobsError
from django_jobs.models import Job, Task

if TYPE_CHECKING:
    _JobAdmin = admin.ModelAdmin[Job]
else:
    _JobAdmin = object


class Adding(_JobAdmin):
    """Jobs are added by a form made for their function, and enqueued as Python does it."""

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        """Return whether the user may enqueue: whoever may add jobs."""
        return request.user.has_perm("django_jobs.add_job")

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show the functions, or the form of one; enqueue what was filled in."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        tasks = Task.objects.using(write_alias(None)).filter(is_current=True).order_by("name")
        task = tasks.filter(name=request.GET.get("task", "")).first()
        if task is None:
            return self._page(request, "choose_task.html", tasks=tasks)
        form = TaskForm(task, request.POST if request.method == "POST" else None)
        if form.is_valid() and (row := _enqueue(form)) is not None:
            return self._told(request, row)
        fieldsets: list[Any] = [(None, {"fields": form.arguments})] if form.arguments else []
        fieldsets.append((_("Options"), {"fields": OPTIONS}))
        shown = AdminForm(form, fieldsets, {})  # type: ignore[arg-type]
        return self._page(request, "enqueue.html", task=task, form=form, adminform=shown)

    def _page(self, request: HttpRequest, template: str, **context: Any) -> HttpResponse:
        context |= self.admin_site.each_context(request)
        context |= {"opts": Job._meta, "title": _("Enqueue a job"), "media": self.media}
        return TemplateResponse(request, f"admin/django_jobs/job/{template}", context)

    def _told(self, request: HttpRequest, row: Job) -> HttpResponse:
        if row.created:
            messages.success(request, now_("Job %d was enqueued.") % row.pk)
        else:
            messages.warning(request, now_("Nothing was enqueued: this job holds the unique key."))
        if self.has_view_permission(request):
            return self._redirect("admin:django_jobs_job_change", row.pk)
        return self._redirect("admin:index")

    def _redirect(self, name: str, *args: Any) -> HttpResponse:
        where = reverse(name, args=args, current_app=self.admin_site.name)
        return HttpResponseRedirect(where)


def _enqueue(form: TaskForm) -> Job | None:
    try:
        return None if form.spec is None else api.enqueue(form.spec)
    except JobsError as error:  # what only enqueueing knows: a queue that is not declared
        form.refuse(error)
    return None
