"""What the list of jobs can be narrowed by: a form in the address of the page."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from django_jobs import finding, registry
from django_jobs.admin.job.searching import HIGHEST
from django_jobs.finding import Criteria
from django_jobs.models import Queue, Schedule, Task
from django_jobs.states import State

#: Names that are offered, of each kind.
MOST = 500

#: Times since when jobs were enqueued, in seconds.
_LAST = {"hour": 3_600, "day": 86_400, "week": 604_800}


def _key(**given: Any) -> forms.IntegerField:
    """Return a field that links of other pages fill in."""
    hidden = forms.HiddenInput()
    return forms.IntegerField(
        required=False, min_value=0, max_value=HIGHEST, widget=hidden, **given
    )


class FilterForm(forms.Form):
    """The filters beside the list. What is chosen elsewhere is in it too, hidden."""

    state__exact = forms.ChoiceField(
        label=_("state"), choices=State.choices, required=False, widget=forms.HiddenInput
    )
    queue = forms.CharField(label=_("queue"), required=False, widget=forms.Select)
    name = forms.CharField(label=_("function"), required=False, widget=forms.Select)
    schedule = forms.CharField(label=_("schedule"), required=False, widget=forms.Select)
    concurrency_key = forms.CharField(label=_("concurrency key"), required=False, strip=False)
    fingerprint = forms.CharField(label=_("fingerprint of the failure"), required=False)
    has_errors = forms.BooleanField(label=_("has errors"), required=False)
    enqueued = forms.ChoiceField(
        label=_("enqueued"),
        required=False,
        choices=[
            ("", _("at any time")), ("hour", _("in the last hour")), ("day", _("in the last day")),
            ("week", _("in the last week")),
        ],
    )  # fmt: skip
    since = forms.DateTimeField(
        label=_("enqueued since"),
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}),
    )
    until = forms.DateTimeField(
        label=_("enqueued before"),
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}),
    )
    step__id__exact = _key(label=_("step"))
    parent__id__exact = _key(label=_("parent"))
    worker__id__exact = _key(label=_("worker"))

    def __init__(self, *args: Any, using: str, offers_schedules: bool, **how: Any) -> None:
        """``using`` is where the names to choose from are."""
        super().__init__(*args, **how)
        self.using = using
        queues = Queue.objects.using(using).order_by("name").values_list("name", flat=True)
        self._offer("queue", queues[:MOST])
        tasks = Task.objects.using(using).order_by("name").values_list("name", flat=True)
        self._offer("name", {*tasks[:MOST], *registry.declared_names()})
        if offers_schedules:
            rows = Schedule.objects.using(using).order_by("name")
            self._offer("schedule", rows.values_list("name", flat=True)[:MOST])
        else:
            self.fields["schedule"].widget = forms.HiddenInput()

    def _offer(self, field: str, names: Any) -> None:
        """Let a name be chosen among those that are known, and the one that is asked for."""
        given = self.data.get(field)
        offered = sorted({*names, given} if given else {*names})
        widget: Any = self.fields[field].widget
        widget.choices = [("", _("All")), *((name, name) for name in offered)]

    def clean_schedule(self) -> str:
        """Refuse the name of a schedule that is not there."""
        name: str = self.cleaned_data["schedule"]
        if name and not finding.has_schedule(name, using=self.using):
            raise ValidationError(_("There is no schedule of this name."))
        return name

    @property
    def is_used(self) -> bool:
        """Return whether it narrows the list, apart from the state."""
        names = self.fields.keys() - {"state__exact"}
        return any(self.data.get(name) not in (None, "") for name in names)

    def criteria(self) -> Criteria:
        """Return what is asked for. The form is valid."""
        given = self.cleaned_data
        since = given["since"]
        if seconds := _LAST.get(given["enqueued"]):
            since = max(filter(None, [since, timezone.now() - timedelta(seconds=seconds)]))
        return Criteria(
            states=(given["state__exact"],) if given["state__exact"] else (),
            queue=given["queue"] or None,
            name=given["name"] or None,
            schedule=given["schedule"] or None,
            concurrency_key=given["concurrency_key"] or None,
            fingerprint=given["fingerprint"] or None,
            has_errors=True if given["has_errors"] else None,
            since=since,
            until=given["until"],
            step=given["step__id__exact"],
            parent=given["parent__id__exact"],
            worker=given["worker__id__exact"],
        )
