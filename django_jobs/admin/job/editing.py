"""Retry one job with edited arguments."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.admin.helpers import AdminForm
from django.core.exceptions import ObjectDoesNotExist
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path

from django_jobs import api
from django_jobs.admin.job.buttons import RETRY_WITH, Buttons
from django_jobs.admin.job.sight import Sight
from django_jobs.admin.job.taskform import form_of
from django_jobs.exceptions import JobsError
from django_jobs.models import Job, Task

if TYPE_CHECKING:
    _JobAdmin = admin.ModelAdmin[Job]
else:
    _JobAdmin = object


class Editing(Buttons, _JobAdmin):
    """A job that has failed may be retried with what it should have been given."""

    def get_urls(self) -> list[URLPattern]:
        """Add the form's address."""
        view = self.admin_site.admin_view(self.retry_with_view)
        own = [path("<int:key>/retry-with/", view, name="django_jobs_job_retry_with")]
        return [*own, *super().get_urls()]

    def retry_with_view(self, request: HttpRequest, key: int) -> HttpResponse:
        """Show the arguments, and retry the job with what has become of them."""
        job = self.demanded(request, RETRY_WITH, key)
        sight = Sight(request, job)
        if not sight.knows_cause:
            return self.refuse(request, RETRY_WITH, job)
        task = Task.objects.using(job._state.db).filter(name=job.name).first()
        is_post = request.method == "POST"
        form = form_of(sight, task, request.POST if is_post else None, has_options=False)
        if is_post and form.is_valid() and (spec := form.spec) is not None:
            try:
                verb = partial(api.retry_with, job, spec.args, spec.kwargs, using=job._state.db)
                return self.do(request, RETRY_WITH, job, verb)
            except (JobsError, ObjectDoesNotExist, TypeError) as error:
                form.refuse(error)
        fieldsets: list[Any] = [(None, {"fields": form.arguments})] if form.arguments else []
        shown = AdminForm(form, fieldsets, {})  # type: ignore[arg-type]
        return self.ask(request, RETRY_WITH, job, form=form, adminform=shown, media=form.media)
