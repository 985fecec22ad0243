"""How a job has ended, and what became of it."""

from __future__ import annotations

from collections.abc import Iterator

from django.utils.translation import gettext

from django_jobs import wording
from django_jobs.models import Job
from django_jobs.reasons import Code, Reason
from django_jobs.states import State


def headline(job: Job) -> str:
    """Return how and when a job has ended."""
    told = {
        # The database lets no job end without a time.
        "at": wording.moment(job.finished_at) if job.finished_at else "",
        "attempt": job.attempts,
        "most": job.max_attempts,
        "time": wording.span(job.duration or 0),
    }
    match State(job.state):
        case State.SUCCEEDED:
            return _succeeded(job) % told
        case State.FAILED:
            return _failed(job) % told
        case _:
            return gettext("It was cancelled at %(at)s.") % told


def _succeeded(job: Job) -> str:
    if not job.attempts:
        return gettext("It succeeded at %(at)s.")
    if not job.duration:
        return gettext("It succeeded at %(at)s, at attempt %(attempt)s of %(most)s.")
    return gettext("It succeeded at %(at)s, at attempt %(attempt)s of %(most)s, after %(time)s.")


def _failed(job: Job) -> str:
    if not job.attempts:
        return gettext("It failed at %(at)s.")
    if not job.duration:
        return gettext("It failed at %(at)s, at attempt %(attempt)s of %(most)s.")
    return gettext("It failed at %(at)s, at attempt %(attempt)s of %(most)s, after %(time)s.")


def ended_by(job: Job) -> Iterator[Reason]:
    """Yield which job a job has waited for in vain."""
    if job.ended_by is not None:
        text = gettext(
            "It never ran: it waited for job #%(id)s, which did not succeed. To retry either of "
            "them retries both."
        )
        discreet = gettext("It never ran: it waited for another job, which did not succeed.")
        yield Reason(Code.ENDED_BY, text % {"id": job.ended_by}, discreet)


def kept(job: Job) -> Iterator[Reason]:
    """Yield until when the row of a job is kept."""
    if job.prune_at is not None:
        text = gettext("Its row is kept until %(at)s.") % {"at": wording.moment(job.prune_at)}
        yield Reason(Code.KEPT, text)
