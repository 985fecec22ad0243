"""The fields of the form that enqueues for how a job is run: empty is as its function says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from functools import partial
from typing import Any

from django import forms
from django.contrib.admin import widgets
from django.utils.html import escape
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext

from django_jobs.admin.job.argumentfields import FIELDS, WIDE
from django_jobs.conf import options
from django_jobs.models import Job, Task

#: The options that the form has, in this order.
OPTIONS = (
    "queue", "priority", "scheduled_at", "unique_key", "max_attempts", "timeout", "expires_after",
)  # fmt: skip


def option_fields(task: Task) -> Iterator[tuple[str, forms.Field]]:
    """Yield the fields, each with what holds where it is left empty."""
    for name, field in _fields(task):
        field.label = capfirst(field.label or "")
        # The admin's template takes it for HTML.
        field.help_text = escape(field.help_text)
        yield name, field


def _fields(task: Task) -> Iterator[tuple[str, forms.Field]]:
    usual = _("Empty: %s.")
    text = partial(forms.CharField, required=False, max_length=255, widget=forms.TextInput(**WIDE))
    number = partial(forms.IntegerField, required=False, widget=widgets.AdminIntegerFieldWidget())
    no_key = pgettext("unique key", "none")
    key = _("computed") if task.computes_unique_key else task.unique_key or no_key
    timeout = options().default_timeout if task.timeout is None else task.timeout
    yield "queue", text(label=_("queue"), help_text=usual % task.queue)
    yield (
        "priority",
        number(label=_("priority"), help_text=_("Higher runs first. Empty: %s.") % task.priority),
    )
    yield (
        "scheduled_at",
        FIELDS["datetime"](label=_("not before"), required=False, help_text=_("Empty: now.")),
    )
    yield "unique_key", text(label=_("unique key"), help_text=usual % key)
    yield (
        "max_attempts",
        number(label=_("maximum attempts"), min_value=1, help_text=usual % task.max_attempts),
    )
    yield (
        "timeout",
        number(
            label=_("timeout"),
            min_value=0,
            help_text=_("Seconds; 0 for none. Empty: %s.") % _seconds(timeout),
        ),
    )
    yield (
        "expires_after",
        number(
            label=_("expires after"),
            min_value=0,
            help_text=_("Seconds after its time in which it may begin. Empty: %s.")
            % (_("never") if task.expires_after is None else _seconds(task.expires_after)),
        ),
    )


def given_options(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that were filled in."""
    return {name: given[name] for name in OPTIONS if given.get(name) not in (None, "")}


def options_of(job: Job, task: Task) -> dict[str, Any]:
    """Return the options of a job that are not as its function says, to begin a form with."""
    timeout = None if job.timeout is None else int(job.timeout.total_seconds())
    own = {
        "queue": (job.queue, task.queue),
        "priority": (job.priority, task.priority),
        "max_attempts": (job.max_attempts, task.max_attempts),
        "timeout": (timeout, None if task.timeout is None else int(_seconds(task.timeout))),
    }
    return {name: value for name, (value, usual) in own.items() if value != usual}


def _seconds(duration: timedelta | float) -> str:
    seconds = duration.total_seconds() if isinstance(duration, timedelta) else duration
    return f"{seconds:g}"
