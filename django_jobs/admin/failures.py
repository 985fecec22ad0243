"""The page of failures: what jobs have failed of, group by group, and a retry of a whole group."""

from __future__ import annotations

from typing import Any, NamedTuple
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
from django_jobs.finding import Criteria
from django_jobs.models import Job, Queue
from django_jobs.slices import Place, cut
from django_jobs.states import State

#: Groups on the page, and queues that are offered.
SHOWN = QUEUES = 100
#: Times that a retry of a group looks for more of it.
ROUNDS = 10
#: Slices of all failures that one such look takes at most.
LOOKS = 10
_NEWEST = Place()


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
    narrowed = given or not access.sees_all(request)
    if narrowed:
        members = _members(request, given)
        found = grouping.failures(limit=SHOWN, among=members.ids, using=write_alias(None))
        has_older = members.older is not None
    else:
        found = grouping.failures(limit=SHOWN, using=write_alias(None))
        has_older = found.is_capped
    context = {
        **site.each_context(request),
        "title": _("Failures"),
        "form": form,
        "rows": [_row(group, given) for group in found.groups],
        "has_older": has_older,
        # Without filters, and of all jobs, it is known how many these were.
        "looked_at": 0 if narrowed else found.looked_at,
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
    members = _members(request, given)
    some = members.ids[: grouping.EXAMPLES]
    found = grouping.failures(limit=1, among=some, using=write_alias(None))
    context = {
        **site.each_context(request),
        "title": _("Retry a group of failures"),
        "given": given,
        "count": len(members.ids),
        "is_capped": members.older is not None,
        "group": found.groups[0] if found.groups else None,
    }
    return TemplateResponse(request, "admin/django_jobs/failures_retry.html", context)


def _given(form: forms.Form) -> dict[str, str]:
    """Return what was filled in; what is too long to be a name is nothing that there is."""
    if not form.is_valid():
        return dict.fromkeys(form.errors, "�")
    return {name: value for name, value in form.cleaned_data.items() if value}


class _Members(NamedTuple):
    """Failed jobs, newest first."""

    ids: list[int]
    #: Where there may be more; None at the end.
    older: Place | None


def _members(request: HttpRequest, given: dict[str, str], place: Place = _NEWEST) -> _Members:
    """Return the next failed jobs that the user may see; of a group, if one is given.

    The empty fingerprint is that of the jobs which have none. As rare as they may be, the look for
    them ends after so many jobs.
    """
    jobs, is_narrowed = access.visible(request), not access.sees_all(request)
    if given.get("fingerprint") == "":
        jobs, is_narrowed = jobs.filter(fingerprint=None), True
    criteria = Criteria(
        states=(State.FAILED.value,),
        queue=given.get("queue"),
        name=given.get("name"),
        fingerprint=given.get("fingerprint") or None,
    )
    ids: list[int] = []
    older: Place | None = place
    for _look in range(LOOKS):
        if older is None or len(ids) >= MOST:
            break
        found = cut(jobs, criteria, is_narrowed=is_narrowed, place=older, size=MOST - len(ids))
        ids += found.ids
        older = found.older
    return _Members(ids, older)


def _retry(request: HttpRequest, given: dict[str, str]) -> None:
    """Retry a group, newest first, for as long as there is more of it, and say what came of it."""
    tried: list[int] = []
    retried = 0
    older: Place | None = _NEWEST
    for _round in range(ROUNDS):
        if older is None:
            break
        ids, older = _members(request, given, older)
        tried += ids
        retried += api.retry(ids) if ids else 0
    _note(request, tried, retried)
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
