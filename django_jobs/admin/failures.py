"""The page of failures: what jobs have failed of, group by group, and a retry of a whole group."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_safe

from django_jobs import api, wording
from django_jobs import failures as grouping
from django_jobs.admin import access, audit, links
from django_jobs.admin.access import Power
from django_jobs.engine.sql import write_alias
from django_jobs.failures import MOST, Group
from django_jobs.models import Job, Queue
from django_jobs.states import State

#: Groups on the page, and queues that are offered.
SHOWN = QUEUES = 100
#: Times that a retry of a group looks for more of it.
ROUNDS = 10


class Filters(forms.Form):
    """What the failures are narrowed by."""

    queue = forms.CharField(label=_("Queue"), required=False, max_length=255)
    name = forms.CharField(label=_("Function"), required=False, max_length=255)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        queues = Queue.objects.using(write_alias(None)).order_by("name")
        names = list(queues.values_list("name", flat=True)[:QUEUES])
        choices = [("", _("all")), *zip(names, names, strict=True)]
        self.fields["queue"].widget = forms.Select(choices=choices)


class Chosen(Filters):
    """A group of them."""

    fingerprint = forms.CharField(required=False, max_length=255)


def urls(site: AdminSite) -> list[Any]:
    """Return the addresses of both pages."""

    def view(made: Any) -> Any:
        return site.admin_view(lambda request: made(request, site))

    return [
        path("failures/", view(groups), name="django_jobs_failures"),
        path("failures/retry/", view(retry), name="django_jobs_failures_retry"),
    ]


@require_safe
def groups(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """Show the groups, the largest one first."""
    access.demand(request, Power.VIEW)
    form = Filters(request.GET)
    given = _given(form)
    among = None if access.sees_all(request) else _members(request, **given)
    found = grouping.failures(
        queue=given.get("queue"),
        name=given.get("name"),
        limit=SHOWN,
        among=among,
        using=write_alias(None),
    )
    context = {
        **site.each_context(request),
        "title": _("Failures"),
        "form": form,
        "rows": [_row(group, given) for group in found.groups],
        "capped": found.looked_at if found.is_capped else 0,
        "may_retry": access.may(request, Power.RETRY),
    }
    return TemplateResponse(request, "admin/django_jobs/failures.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def retry(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """Ask whether to retry a group, saying how many jobs that are; by POST, retry them."""
    access.demand(request, Power.VIEW)
    access.demand(request, Power.RETRY)
    form = Chosen(request.POST if request.method == "POST" else request.GET)
    given = {"fingerprint": "", **_given(form)}
    if request.method == "POST":
        _retry(request, given)
        query = {name: value for name, value in given.items() if name != "fingerprint"}
        return redirect(f"{reverse('admin:django_jobs_failures')}?{urlencode(query)}")
    ids = _members(request, **given)
    count, some = len(ids), ids[: grouping.EXAMPLES]
    found = grouping.failures(limit=1, among=some, using=write_alias(None))
    context = {
        **site.each_context(request),
        "title": _("Retry a group of failures"),
        "given": given,
        "count": count,
        "is_capped": count >= MOST,
        "group": found.groups[0] if found.groups else None,
    }
    return TemplateResponse(request, "admin/django_jobs/failures_retry.html", context)


def _given(form: forms.Form) -> dict[str, str]:
    """Return what was filled in; what is too long to be a name is nothing that there is."""
    if not form.is_valid():
        return dict.fromkeys(form.errors, "�")
    return {name: value for name, value in form.cleaned_data.items() if value}


def _members(request: HttpRequest, *, fingerprint: str | None = None, **equal: str) -> list[int]:
    """Return the ids of the newest failed jobs that the user may see; of a group, if one is given.

    The empty fingerprint is that of the jobs which have none.
    """
    jobs = access.visible(request).filter(state=State.FAILED, **equal)
    if fingerprint is not None:
        jobs = jobs.filter(fingerprint=fingerprint or None)
    return list(jobs.order_by("-finished_at").values_list("pk", flat=True)[:MOST])


def _retry(request: HttpRequest, given: dict[str, str]) -> None:
    """Retry a group, newest first, for as long as there is more of it, and say what came of it."""
    tried: set[int] = set()
    retried = 0
    for _round in range(ROUNDS):
        ids = [key for key in _members(request, **given) if key not in tried]
        if not ids:
            break
        tried.update(ids)
        retried += api.retry(ids)
    _note(request, sorted(tried), retried)
    text = ngettext("%s job was put back.", "%s jobs were put back.", retried)
    text %= wording.number(retried)
    left = max(len(tried) - retried, 0)
    if left:
        text += " " + ngettext(
            "%s was left: it had been retried meanwhile, or another job holds its unique key.",
            "%s were left: they had been retried meanwhile, or other jobs hold their unique keys.",
            left,
        ) % wording.number(left)  # fmt: skip
    level = messages.WARNING if left or not retried else messages.SUCCESS
    messages.add_message(request, level, text)


def _note(request: HttpRequest, tried: list[int], retried: int) -> None:
    if not retried:
        return
    done = gettext("Retried, with the group of its failure.")
    if retried > audit.MOST:
        audit.note_many(request, Job, retried, done)
        return
    moved = Job.objects.using(write_alias(None)).filter(pk__in=tried).exclude(state=State.FAILED)
    audit.note(request, list(moved[: audit.MOST]), done)


def _row(group: Group, given: dict[str, str]) -> dict[str, Any]:
    # What has no fingerprint failed by no error of its own: it is found in the list of all.
    same = {"fingerprint": group.fingerprint} if group.fingerprint else {}
    retried = urlencode({"fingerprint": group.fingerprint, **given})
    return {
        "group": group,
        "jobs_url": links.jobs(**same, state__exact=State.FAILED.value),
        "retry_url": f"{reverse('admin:django_jobs_failures_retry')}?{retried}",
        "examples": [(key, links.address("job_change", key)) for key in group.ids],
    }
