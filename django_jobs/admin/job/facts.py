"""What a job is, and where it comes from, as pairs of a label and a text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from django.contrib.admin.models import LogEntry
from django.utils.formats import date_format
from django.utils.safestring import SafeString
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from django_jobs import wording
from django_jobs.admin import access, links
from django_jobs.admin.access import Power
from django_jobs.admin.graph import jobs_of
from django_jobs.admin.job.sight import Sight
from django_jobs.models import Job, Schedule, Step

Fact = tuple[str, SafeString | str]


def properties(sight: Sight) -> list[Fact]:
    """Return what is set on a job; what is not set is left out."""
    job = sight.job
    queue = links.link(links.jobs(queue=job.queue), job.queue)
    told: list[tuple[str, object]] = [
        (_("function"), job.name),
        (_("queue"), queue),
        (_("priority"), str(job.priority)),
        (_("attempts"), _attempts(job)),
        (_("changes of hands"), str(job.claims)),
        (_("note"), sight.text(job.note or "") if sight.sees_data and sight.knows_cause else ""),
        (_("unique key"), sight.text(job.unique_key or "")),
        (_("concurrency key"), sight.text(job.concurrency_key)),
        (_("timeout"), _timeout(job)),
        (_("memory limit"), _memory(job)),
        (_("process units"), str(job.units) if job.units != 1 else ""),
        (_("fingerprint"), job.fingerprint),
    ]
    return [(label, _safe(value)) for label, value in told if value]


def _safe(value: object) -> SafeString | str:
    return value if isinstance(value, SafeString) else str(value)


def _attempts(job: Job) -> str:
    told = _("%(used)d of %(most)d") % {"used": job.attempts, "most": job.max_attempts}
    if job.reprieves:
        told += ", " + _("given back %d times by dead workers, at no charge") % job.reprieves
    return told


def _timeout(job: Job) -> str:
    if job.timeout is None:
        return ""
    return wording.span(job.timeout) if job.timeout else pgettext("timeout", "none")


def _memory(job: Job) -> str:
    return f"{wording.number(round(job.memory_limit / 2**20))} MiB" if job.memory_limit else ""


# Where it comes from --------------------------------------------------------------------------


def origin(sight: Sight, journal: Sequence[LogEntry]) -> list[Fact]:
    """Return what has enqueued a job, as far as anything says so."""
    job = sight.job
    found = [*_by_person(journal), *_by_job(job), *_schedule(sight), *_workflow(sight)]
    if not found:
        found = [(_("enqueued by"), _("code: a view, a command, a signal or a trigger"))]
    return found


def _by_person(journal: Sequence[LogEntry]) -> Iterator[Fact]:
    for entry in journal:
        if entry.is_addition():
            yield _("enqueued in the admin by"), str(entry.user)


def _by_job(job: Job) -> Iterator[Fact]:
    if job.parent_id is not None:
        yield _("enqueued by"), _("another job: see below")


def _schedule(sight: Sight) -> Iterator[Fact]:
    """Yield the schedule that made the job, which may be gone."""
    job = sight.job
    if job.schedule_id is None:
        return
    row = Schedule.objects.using(job._state.db).filter(pk=job.schedule_id).first()
    told = str(row) if row else _("%d, gone") % job.schedule_id
    if row and access.may(sight.request, Power.VIEW_SCHEDULE):
        told = links.page_of("schedule", row.pk, row)
    yield _("schedule"), told
    if job.tick is not None:
        yield _("for the tick of"), date_format(localtime(job.tick), "Y-m-d H:i:s")


def _workflow(sight: Sight) -> Iterator[Fact]:
    """Yield the workflow that the job is part of, its step, and the batch of jobs in it."""
    job = sight.job
    if job.step_id is None:
        return
    steps = Step.objects.using(job._state.db).select_related("workflow")
    step = steps.filter(pk=job.step_id).first()
    if step is None:
        yield _("workflow"), _("It is gone.")
        return
    told: SafeString | str = str(step.workflow)
    if access.may(sight.request, Power.VIEW_WORKFLOW):
        told = links.page_of("workflow", step.workflow_id, step.workflow)
    yield _("workflow"), told
    yield _("step"), links.link(jobs_of(step), step.name)
    if step.size > 1 and sight.sees_all:
        done = {"done": wording.number(step.done), "size": wording.number(step.size)}
        yield _("batch"), _("%(done)s of its %(size)s jobs have ended") % done
