"""What a row of a job holds, as HTML: everything in it is text, whatever it looks like."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from django.urls import reverse
from django.utils.dateparse import parse_datetime
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.timezone import is_naive, localtime
from django.utils.translation import gettext_lazy as _

from django_jobs.explanations import progress_share, progress_text
from django_jobs.models import Job, Step
from django_jobs.reasons import Explanation
from django_jobs.surroundings import Linked


def badge(state: str, label: object) -> SafeString:
    """Return the name of a state, in a colour of its own."""
    return format_html('<span class="django-jobs-badge {}">{}</span>', state, label)


def pretty(value: object) -> SafeString:
    """Return JSON, indented."""
    text = json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True)
    return _preformatted(text)


def errors(kept: Iterable[Mapping[str, Any]]) -> SafeString:
    """Return failed attempts, newest first."""
    return format_html_join(
        "",
        "<h4>{} {}: {}</h4><p>{} to {}, {}</p>{}",
        (
            (
                _("Attempt"), error.get("attempt"), error.get("message"),
                _moment(error.get("started_at")), _moment(error.get("ended_at")),
                error.get("worker"), _preformatted(error.get("traceback")),
            )
            for error in reversed(list(kept))
        ),
    )  # fmt: skip


def progress(told: Mapping[str, Any]) -> SafeString:
    """Return a bar, where it is known how long it has to be, and the words."""
    share = progress_share(told)
    if share is None:
        return format_html("{}", progress_text(told))
    bar = format_html('<progress value="{}" max="1"></progress>', f"{min(max(share, 0), 1):.4f}")
    return format_html("{} {}", bar, progress_text(told))


def workflow(job: Job) -> SafeString:
    """Return a link to the workflow that a job is part of, and the step."""
    steps = Step.objects.using(job._state.db).select_related("workflow")
    step = steps.filter(pk=job.step_id or 0).first()
    if step is None:
        return format_html("{}", _("It is gone."))
    url = reverse("admin:django_jobs_workflow_change", args=[step.workflow_id])
    return format_html('<a href="{}">{}</a>, {}', url, step.workflow, step.name)


def log(lines: Iterable[Mapping[str, Any]]) -> SafeString:
    """Return the lines that the job has logged, oldest first."""
    told = format_html_join(
        "\n",
        "{}  {} {}  {}",
        (
            (_moment(line.get("at")), _("attempt"), line.get("attempt"), line.get("message"))
            for line in lines
        ),
    )
    return _preformatted(told)


def linked(jobs: Iterable[Linked]) -> SafeString:
    """Return jobs at the other ends of links, each with a link to its page while it has one."""
    return format_html_join(
        "",
        "<div>{} {}</div>",
        (
            (_page(job.id, job.name) if job.name else f"#{job.id}", job.state or _("gone"))
            for job in jobs
        ),
    )


def _page(key: int, name: str) -> SafeString:
    address = reverse("admin:django_jobs_job_change", args=[key])
    return format_html('<a href="{}">{} #{}</a>', address, name, key)


def _preformatted(text: object) -> SafeString:
    return format_html('<pre class="django-jobs">{}</pre>', text)


def _moment(text: object) -> object:
    """Return a stored time as the page tells times; what is none, as it is."""
    if not isinstance(text, str):
        return text
    try:
        moment = parse_datetime(text)
    except ValueError:
        return text
    return (
        text
        if moment is None or is_naive(moment)
        else date_format(localtime(moment), "Y-m-d H:i:s")
    )


def explanation(given: Explanation) -> SafeString:
    """Return the headline, and each reason on a line of its own."""
    # Not as a list: the admin's style sheet moves those far to the right.
    reasons = format_html_join(
        "", '<div data-code="{}">{}</div>', ((one.code, one.text) for one in given.reasons)
    )
    return format_html("<strong>{}</strong>{}", given.headline, reasons)
