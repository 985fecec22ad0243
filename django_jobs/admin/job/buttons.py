"""What can be done with one job, on its page: each by a POST, each asked for on the server too."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import AdminForm
from django.contrib.admin.widgets import AdminIntegerFieldWidget
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_jobs import api
from django_jobs.admin import access, audit
from django_jobs.admin.access import Power
from django_jobs.admin.job.sight import Sight
from django_jobs.exceptions import JobsError
from django_jobs.models import Job
from django_jobs.states import FINISHED, LIVE, WAITING, State, sources

if TYPE_CHECKING:
    _JobAdmin = admin.ModelAdmin[Job]
else:
    _JobAdmin = object

#: What the page of a job and those of its buttons look like.
CSS: dict[str, Sequence[str]] = {"all": ["django_jobs/job.css"]}

#: Applies a verb to a job and returns how many it changed.
Verb = Callable[[Job], int]


@dataclass(frozen=True)
class Button:
    """One thing that can be done with a job."""

    #: What its address ends in; with ``django_jobs_job_`` before it the name of the address.
    name: str
    label: Promise
    powers: tuple[Power, ...]
    #: The states of jobs that it makes sense for.
    states: frozenset[State]
    #: What is asked before it is done.
    question: Promise
    #: What is said, and logged, when it was done.
    done: Promise
    #: Whether a page is shown before anything is done.
    asks: bool = False

    def is_for(self, sight: Sight) -> bool:
        """Return whether the user may do it with the job as it is."""
        return self.fits(sight.job) and self.may(sight.request)

    def may(self, request: HttpRequest) -> bool:
        """Return whether the user has the permissions."""
        return all(access.may(request, power) for power in self.powers)

    def fits(self, job: Job) -> bool:
        """Return whether it makes sense for the job as it is."""
        return job.state in self.states


RETRY = Button(
    "retry",
    gettext_lazy("Retry"),
    (Power.RETRY,),
    sources("retry"),
    gettext_lazy("It becomes ready, with all its attempts. Its errors stay."),
    gettext_lazy("Retried."),
)
RETRY_WITH = Button(
    "retry_with",
    gettext_lazy("Retry with edited arguments…"),
    # Other arguments are as good as another job.
    (Power.RETRY, Power.ENQUEUE, Power.VIEW_ARGUMENTS),
    sources("retry"),
    gettext_lazy("The job itself gets these arguments and becomes ready, with all its attempts."),
    gettext_lazy("Retried; its arguments were edited."),
    asks=True,
)
RUN_NOW = Button(
    "run_now",
    gettext_lazy("Run now"),
    (Power.CHANGE,),
    sources("expedite"),
    gettext_lazy("It becomes ready now, whatever it was to wait for."),
    gettext_lazy("Made ready before its time."),
)
PRIORITY = Button(
    "priority",
    gettext_lazy("Change priority…"),
    (Power.CHANGE,),
    WAITING,
    gettext_lazy("Higher runs first."),
    gettext_lazy("Priority changed."),
    asks=True,
)
CANCEL = Button(
    "cancel",
    gettext_lazy("Cancel…"),
    (Power.CANCEL,),
    LIVE,
    gettext_lazy("It is given up. If it is running it is asked to stop, and nothing is recorded."),
    gettext_lazy("Cancelled."),
    asks=True,
)
CLONE = Button(
    "clone",
    gettext_lazy("Clone…"),
    (Power.ENQUEUE, Power.VIEW_ARGUMENTS),
    LIVE | FINISHED,
    gettext_lazy("Another job of the same kind is enqueued."),
    gettext_lazy("Enqueued."),
    asks=True,
)
#: Those that need to know nothing more.
VERBS: dict[Button, Verb] = {
    RETRY: lambda job: api.retry([job.pk], using=job._state.db),
    RUN_NOW: lambda job: api.expedite([job.pk], using=job._state.db),
    CANCEL: lambda job: api.cancel([job.pk], using=job._state.db),
}
ALL = (RETRY, RETRY_WITH, RUN_NOW, PRIORITY, CANCEL, CLONE)


class Shown(NamedTuple):
    """A button as the page shows it."""

    name: str
    label: Promise
    url: str
    #: Whether it is a link to a page that asks.
    asks: bool


class PriorityForm(forms.Form):
    """Asks for a priority."""

    priority = forms.IntegerField(label=gettext_lazy("priority"), widget=AdminIntegerFieldWidget)


class Buttons(_JobAdmin):
    """What can be done with one job."""

    def get_urls(self) -> list[URLPattern]:
        """Add the address of each button."""
        views: dict[Button, Callable[..., HttpResponse]] = {
            PRIORITY: self.priority_view,
            **{one: self._view(one, verb) for one, verb in VERBS.items()},
        }
        own = [
            path(
                f"<int:key>/{one.name.replace('_', '-')}/",
                self.admin_site.admin_view(view),
                name=f"django_jobs_job_{one.name}",
            )
            for one, view in views.items()
        ]
        return [*own, *super().get_urls()]

    def buttons(self, sight: Sight) -> list[Shown]:
        """Return the buttons for a job as it is."""
        return [
            Shown(one.name, one.label, self._address(one, sight.job), one.asks)
            for one in ALL
            if one.is_for(sight) and (one not in (RETRY, RETRY_WITH) or sight.knows_cause)
        ]

    def _address(self, button: Button, job: Job) -> str:
        if button is CLONE:
            page = reverse("admin:django_jobs_job_add", current_app=self.admin_site.name)
            return f"{page}?clone={job.pk}"
        return reverse(
            f"admin:django_jobs_job_{button.name}", args=[job.pk], current_app=self.admin_site.name
        )

    def _view(self, button: Button, verb: Verb) -> Callable[..., HttpResponse]:
        """Return the view that asks, and does what a button says."""

        def view(request: HttpRequest, key: int) -> HttpResponse:
            job = self.demanded(request, button, key)
            if request.method != "POST":
                return self.ask(request, button, job)
            if button is RETRY and not Sight(request, job).knows_cause:
                return self.refuse(request, button, job)
            return self.do(request, button, job, lambda: verb(job))

        return view

    def priority_view(self, request: HttpRequest, key: int) -> HttpResponse:
        """Ask for a priority, and give it to the job."""
        job = self.demanded(request, PRIORITY, key)
        if request.method != "POST":
            form = PriorityForm(initial={"priority": job.priority})
            return self.ask(request, PRIORITY, job, form=form)
        form = PriorityForm(request.POST)
        if form.is_valid():
            given = form.cleaned_data["priority"]
            if given == job.priority:
                messages.warning(request, _("It has that priority already."))
                return self.back(request, job)
            try:
                verb = lambda: api.reprioritize([job.pk], given, using=job._state.db)  # noqa: E731
                return self.do(request, PRIORITY, job, verb)
            except JobsError as error:
                form.add_error("priority", str(error))
        return self.ask(request, PRIORITY, job, form=form)

    # What all of them share -----------------------------------------------------------------------

    def demanded(self, request: HttpRequest, button: Button, key: int) -> Job:
        """Return the job: 403 for whoever may not do it, 404 for jobs that they may not see."""
        for power in button.powers:
            access.demand(request, power)
        job = self.get_queryset(request).filter(pk=key).first()
        if job is None:
            raise Http404
        return job

    def ask(self, request: HttpRequest, button: Button, job: Job, **context: Any) -> HttpResponse:
        """Show what a button does, what it needs to know, and a button that does it."""
        if not button.fits(job):
            return self.refuse(request, button, job)
        if "form" in context and "adminform" not in context:
            fieldsets: list[Any] = [(None, {"fields": list(context["form"].fields)})]
            context["adminform"] = AdminForm(context["form"], fieldsets, {})
        context |= self.admin_site.each_context(request)
        context |= {
            "opts": Job._meta,
            "title": str(button.label).removesuffix("…"),
            "button": button,
            "job": job,
            "media": self.media + context.get("media", forms.Media()) + forms.Media(css=CSS),
        }
        return TemplateResponse(request, "admin/django_jobs/job/ask.html", context)

    def do(
        self, request: HttpRequest, button: Button, job: Job, verb: Callable[[], int]
    ) -> HttpResponse:
        """Do it, log it, and say what has become of it."""
        was_running = job.state == State.RUNNING
        with transaction.atomic(using=job._state.db):
            if not verb():
                return self.refuse(request, button, job)
            audit.note(request, [job], str(button.done))
        told = f"{job}: {button.done}"
        if button is CANCEL and was_running:
            told += " " + _("Its worker is asked to stop it.")
        messages.success(request, told)
        return self.back(request, job)

    def refuse(self, request: HttpRequest, button: Button, job: Job) -> HttpResponse:
        """Say that nothing was done, and why not, as the row is by now."""
        now = Job.objects.using(job._state.db).filter(pk=job.pk).first()
        if now is None:
            why = _("the job is gone")
        elif not button.fits(now):
            why = _("the job is %s now") % State(now.state).label
        elif button is PRIORITY:
            why = _("its function is ordered, so that its jobs share one priority")
        else:
            why = _("another job is in the way: one that holds its unique key, or its workflow")
        messages.warning(request, _("Nothing was changed: %s.") % why)
        return self.back(request, job)

    def back(self, request: HttpRequest, job: Job) -> HttpResponse:
        """Lead back to the page of the job, for whoever may see it."""
        name, args = "admin:index", []
        if access.may_in(request, Power.VIEW, job.pk):
            name, args = "admin:django_jobs_job_change", [job.pk]
        where = reverse(name, args=args, current_app=self.admin_site.name)
        return HttpResponseRedirect(where)
