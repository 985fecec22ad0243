"""What is done to many jobs at once: asked for, previewed, confirmed, and told of honestly."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.admin import helpers
from django.core.exceptions import ValidationError
from django.db.models import Max, QuerySet
from django.forms import IntegerField
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from django_jobs import wording
from django_jobs.admin import access, audit
from django_jobs.admin.access import Power
from django_jobs.admin.job import batches
from django_jobs.admin.job.batches import Result
from django_jobs.admin.job.searching import HIGHEST
from django_jobs.admin.job.verbs import CANCEL, REPRIORITIZE, RETRY, RUN_NOW, Verb
from django_jobs.models import Job
from django_jobs.options import INTEGER_MAX
from django_jobs.states import State

if TYPE_CHECKING:
    _JobAdmin = admin.ModelAdmin[Job]
else:
    _JobAdmin = object

#: Jobs that a preview names.
NAMED = 10

_PRIORITY = IntegerField(min_value=-INTEGER_MAX, max_value=INTEGER_MAX)


class Actions(_JobAdmin):
    """Retry, cancel, run now, and change the priority: of selected jobs, or of all that match."""

    actions = ("retry_jobs", "cancel_jobs", "run_jobs_now", "change_priority")

    def has_retry_permission(self, request: HttpRequest) -> bool:
        """Return whether the user may retry jobs."""
        return access.may(request, Power.RETRY)

    def has_cancel_permission(self, request: HttpRequest) -> bool:
        """Return whether the user may cancel jobs."""
        return access.may(request, Power.CANCEL)

    def has_steer_permission(self, request: HttpRequest) -> bool:
        """Return whether the user may run jobs now, and change their priority."""
        return access.may(request, Power.CHANGE)

    @admin.action(
        description=gettext_lazy("Retry failed and cancelled jobs"), permissions=["retry"]
    )
    def retry_jobs(self, request: HttpRequest, queryset: QuerySet[Job]) -> HttpResponse | None:
        """Retry what can be retried, and say what could not."""
        return self._act(request, queryset, RETRY)

    @admin.action(description=gettext_lazy("Cancel unfinished jobs"), permissions=["cancel"])
    def cancel_jobs(self, request: HttpRequest, queryset: QuerySet[Job]) -> HttpResponse | None:
        """Cancel what has not ended, and say what had."""
        return self._act(request, queryset, CANCEL)

    @admin.action(description=gettext_lazy("Run scheduled jobs now"), permissions=["steer"])
    def run_jobs_now(self, request: HttpRequest, queryset: QuerySet[Job]) -> HttpResponse | None:
        """Let scheduled jobs run now."""
        return self._act(request, queryset, RUN_NOW)

    @admin.action(
        description=gettext_lazy("Change the priority of waiting jobs"), permissions=["steer"]
    )
    def change_priority(self, request: HttpRequest, queryset: QuerySet[Job]) -> HttpResponse | None:
        """Give jobs that wait another priority."""
        return self._act(request, queryset, REPRIORITIZE)

    def _act(
        self, request: HttpRequest, queryset: QuerySet[Job], verb: Verb
    ) -> HttpResponse | None:
        """Ask first; do it once it is confirmed. ``queryset`` holds what is selected, or all."""
        priority, problem = 0, ""
        if verb.takes_priority and "priority" in request.POST:
            try:
                priority = _PRIORITY.clean(request.POST["priority"])
            except ValidationError as error:
                problem = " ".join(error.messages)
        is_confirmed = "confirm" in request.POST and not problem
        if not is_confirmed or (verb.takes_priority and "priority" not in request.POST):
            return self._ask(request, queryset, verb, problem)
        if _is_across(request):
            most = batches.MOST
            ids = batches.fitting(queryset, verb, most=most + 1, up_to=_up_to(request))
            is_all, ids = len(ids) <= most, ids[:most]
        else:
            is_all, ids = True, _selected(request)
        result = batches.do(self.get_queryset(request), ids, verb, priority)
        self._note(request, verb, result)
        self._tell(request, verb, result, is_all=is_all)
        return None

    def _ask(
        self, request: HttpRequest, queryset: QuerySet[Job], verb: Verb, problem: str
    ) -> HttpResponse:
        """Return the page that says what is going to happen, and to how many."""
        is_across = _is_across(request)
        counted = batches.COUNTED
        jobs = self.get_queryset(request)
        states: Counter[str] = Counter()
        if is_across:
            ids = batches.fitting(queryset, verb, most=counted + 1)
        else:
            rows = dict(jobs.filter(pk__in=_selected(request)).values_list("pk", "state"))
            ids = [key for key, state in rows.items() if state in verb.states]
            states.update(state for state in rows.values() if state not in verb.states)
        newest = sorted(ids, reverse=True)[:NAMED]
        context: dict[str, Any] = {
            **self.admin_site.each_context(request),
            "title": verb.question,
            "verb": verb,
            "opts": self.opts,
            "count": len(ids),
            "number": wording.number(min(len(ids), counted)) + ("+" if len(ids) > counted else ""),
            "unfit": [
                (wording.number(n), State(state).label) for state, n in sorted(states.items())
            ],
            "jobs": jobs.filter(pk__in=newest).only("id", "name", "state", "queue").order_by("-pk"),
            "more": len(ids) > len(newest),
            "is_across": is_across,
            "action": request.POST.get("action"),
            "checkbox": helpers.ACTION_CHECKBOX_NAME,
            "selected": _selected(request) if not is_across else [0],
            "up_to": str(_newest(jobs)) if is_across else "",
            "priority": request.POST.get("priority", "0"),
            "problem": problem,
            "media": self.media,
            "back": request.get_full_path(),
        }
        return TemplateResponse(request, "admin/django_jobs/job/confirm_action.html", context)

    def _note(self, request: HttpRequest, verb: Verb, result: Result) -> None:
        """Write to the admin's log: of few jobs each, those too that somebody else has changed."""
        if not result.done:
            return
        message = str(verb.done(result.done)) % {"n": wording.number(result.done)}
        if len(result.fit) > audit.MOST:
            audit.note_many(request, Job, result.done, message)
        else:
            rows = self.get_queryset(request).filter(pk__in=result.fit).only("id", "name")
            audit.note(request, list(rows), message)

    def _tell(self, request: HttpRequest, verb: Verb, result: Result, *, is_all: bool) -> None:
        told = [str(verb.done(result.done)) % {"n": wording.number(result.done)}]
        if verb is CANCEL and result.running:
            told.append(
                ngettext(
                    "%(n)s of them was running and is asked to stop.",
                    "%(n)s of them were running and are asked to stop.",
                    result.running,
                )
                % {"n": wording.number(result.running)}
            )
        left = [
            f"{wording.number(count)} {State(state).label}"
            for state, count in sorted(result.unfit.items())
        ]
        if result.left:
            left.append(f"{wording.number(result.left)} ({verb.excuse})")
        if result.gone:
            left.append(_("%(n)s gone") % {"n": wording.number(result.gone)})
        if left:
            told.append(_("Left as they were: %(which)s.") % {"which": ", ".join(left)})
        if not is_all:
            told.append(_("There are more: choose the action again to go on."))
        level = messages.WARNING if left or not is_all else messages.SUCCESS
        self.message_user(request, " ".join(told), level)


def _is_across(request: HttpRequest) -> bool:
    return request.POST.get("select_across") == "1"


def _selected(request: HttpRequest) -> list[int]:
    """Return the ids of the selected jobs. What is no id was refused before."""
    return sorted({int(text) for text in request.POST.getlist(helpers.ACTION_CHECKBOX_NAME)})


def _up_to(request: HttpRequest) -> int | None:
    """Return the newest job that there was when the user was asked."""
    text = request.POST.get("up_to", "")
    return min(int(text), HIGHEST) if text.isascii() and text.isdecimal() else None


def _newest(jobs: QuerySet[Job]) -> int:
    """Return the newest id there is: of all jobs, since those of some users are far between."""
    last: int | None = Job.objects.using(jobs.db).aggregate(last=Max("pk"))["last"]
    return last or 0
