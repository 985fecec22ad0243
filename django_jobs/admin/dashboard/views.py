"""The dashboard by itself, for a page that is open, and the buttons on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from django_jobs import api
from django_jobs.admin import access
from django_jobs.admin.access import Power
from django_jobs.admin.dashboard import page
from django_jobs.engine.sql import write_alias
from django_jobs.models import Queue

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin


@require_GET
def fragment(request: HttpRequest) -> HttpResponse:
    """Answer what a page that is open puts in the place of what it shows."""
    if not page.may_look(request):
        raise PermissionDenied
    answer = render(request, "admin/django_jobs/dashboard/body.html", page.context(request))
    answer["Cache-Control"] = "no-store"
    return answer


@require_POST
def steer(request: HttpRequest, admin: ModelAdmin[Any]) -> HttpResponse:
    """Pause or resume a queue, and go back to where the button was."""
    access.demand(request, Power.PAUSE)
    key = request.POST.get("queue", "")
    if not (key.isascii() and key.isdecimal()):
        raise Http404
    queue = get_object_or_404(Queue.objects.using(write_alias(None)), pk=int(key))
    if request.POST.get("verb") == "resume":
        api.resume_queue(queue.name, using=queue._state.db)
        text = _("The queue %(queue)s goes on.") % {"queue": queue.name}
        admin.log_change(request, queue, _("Resumed."))
    else:
        api.pause_queue(queue.name, using=queue._state.db)
        text = _("The queue %(queue)s is paused. Running jobs go on.") % {"queue": queue.name}
        admin.log_change(request, queue, _("Paused."))
    messages.success(request, text)
    url = reverse("admin:app_list", kwargs={"app_label": "django_jobs"})
    back = QueryDict(request.POST.get("back", "")[:2_000]).urlencode()
    return redirect(f"{url}?{back}" if back else url)
