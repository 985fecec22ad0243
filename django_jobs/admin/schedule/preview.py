"""What a schedule would do, before it is saved."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django import forms
from django.contrib.admin.widgets import AdminSplitDateTime
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from django_jobs import wording
from django_jobs.exceptions import JobsError
from django_jobs.models import Schedule

#: Ticks that are shown of one schedule.
SHOWN_RUNS = 5


class Timing(forms.Form):
    """The fields of a schedule that say when it ticks, as the admin's form has them."""

    cron = forms.CharField(required=False, max_length=255)
    every = forms.DurationField(required=False)
    timezone = forms.CharField(required=False, max_length=255)
    start_at = forms.SplitDateTimeField(required=False, widget=AdminSplitDateTime)
    end_at = forms.SplitDateTimeField(required=False, widget=AdminSplitDateTime)

    def put_on(self, schedule: Schedule) -> None:
        """Give a schedule, which nobody saves, what was filled in."""
        for name, value in self.cleaned_data.items():
            setattr(schedule, name, None if value == "" and name == "cron" else value)


def preview(schedule: Schedule) -> SafeString:
    """Return when a schedule ticks: in words, and its next runs as its own time zone tells them."""
    if (not schedule.cron) == (schedule.every is None):
        return format_html("{}", gettext("Give either a cron expression or an interval."))
    try:
        runs = schedule.next_runs(SHOWN_RUNS)
    except JobsError as error:
        return problem(error)
    words = format_html("<strong>{}</strong>", schedule.words)
    if not runs:
        return format_html("{}<div>{}</div>", words, gettext("None: it is over."))
    now = datetime.now(UTC)
    lines = (
        (date_format(run, "D Y-m-d H:i:s T"), gettext("in %s") % wording.span(run - now))
        for run in runs
    )
    line = '<li>{} <span class="django-jobs-quiet">{}</span></li>'
    return format_html(
        '{}<ol class="django-jobs-runs">{}</ol>', words, format_html_join("", line, lines)
    )


def problem(text: Any) -> SafeString:
    """Return what is wrong."""
    return format_html('<span class="django-jobs-warning">{}</span>', text)
