"""What happened to a job, in the order of time: enqueued, each attempt, and what comes next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from django_jobs import wording
from django_jobs.admin.job.sight import Sight
from django_jobs.models import Job, Worker
from django_jobs.states import FINISHED, State

#: Failed attempts that are shown, the newest.
MOST = 100
#: Times that differ by less are one time.
_MOMENT = timedelta(seconds=1)


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that happened, or is to happen."""

    title: str
    #: When it was, or began.
    at: datetime | None
    #: The state that it is coloured by, if any.
    state: str = ""
    ended: datetime | None = None
    took: str = ""
    worker: str = ""
    #: What went wrong: the exception, and what it says.
    error: str = ""
    message: str = ""
    traceback: str = ""
    #: Whether the traceback is shown at once.
    is_open: bool = False
    is_future: bool = False


def events(sight: Sight) -> list[Event]:
    """Return the events of a job, oldest first."""
    now, job = timezone.now(), sight.job
    failures = list(_failures(sight))
    told = [_enqueued(job), *failures, *_last_run(job, failures, now), *_others(job, now)]
    # Those that nobody knows the time of stay where they are.
    last = job.enqueued_at
    keys = []
    for one in told:
        last = one.at or last
        keys.append(last)
    order = sorted(range(len(told)), key=lambda index: (keys[index], index))
    return [told[index] for index in order]


def _enqueued(job: Job) -> Event:
    return Event(title=_("Enqueued"), at=job.enqueued_at)


def _failures(sight: Sight) -> Iterator[Event]:
    kept = sight.job.errors if isinstance(sight.job.errors, list) else []
    kept = [error for error in kept if isinstance(error, dict)][-MOST:]
    for number, error in enumerate(kept, start=1):
        yield _failure(sight, error, is_last=number == len(kept))


def _failure(sight: Sight, error: Mapping[str, Any], *, is_last: bool) -> Event:
    began, ended = moment_of(error.get("started_at")), moment_of(error.get("ended_at"))
    attempt = error.get("attempt")
    # One that never ran tells of the job that it waited for.
    shows = sight.sees_data and (began is not None or sight.knows_cause)
    return Event(
        title=_("Attempt %s failed") % attempt if began else _("Failed, without a run"),
        at=began or ended,
        state=State.FAILED,
        ended=ended if began else None,
        took=wording.span(ended - began) if began and ended else "",
        worker=str(error.get("worker") or ""),
        error=str(error.get("exception") or ""),
        message=sight.text(error.get("message") or "") if shows else "",
        traceback=sight.text(error.get("traceback") or "") if shows else "",
        is_open=is_last,
    )


def _last_run(job: Job, failures: list[Event], now: datetime) -> Iterator[Event]:
    """Yield the present run, or the last one where no failure tells of it."""
    match State(job.state):
        case State.RUNNING:
            yield _running(job, now)
        case State.SUCCEEDED | State.CANCELLED | State.FAILED if job.finished_at is not None:
            if job.state != State.FAILED or not failures:
                yield _end(job)


def _running(job: Job, now: datetime) -> Event:
    if job.started_at is None:
        title, took = _("Claimed for attempt %s, not begun") % job.attempts, ""
    else:
        title, took = _("Attempt %s is running") % job.attempts, wording.span(now - job.started_at)
    at = job.started_at or now
    return Event(title=title, at=at, state=job.state, took=took, worker=worker_of(job))


def _end(job: Job) -> Event:
    titles = {
        State.SUCCEEDED: _("Attempt %s succeeded"),
        State.CANCELLED: _("Attempt %s was cancelled"),
        State.FAILED: _("Attempt %s failed"),
    }
    if job.started_at is None or not job.attempts:
        title = _("Cancelled before it ran") if job.state == State.CANCELLED else _("Ended")
        return Event(title=title, at=job.finished_at, state=job.state)
    took = wording.span(job.duration) if job.duration else ""
    title = titles[State(job.state)] % job.attempts
    return Event(
        title=title, at=job.started_at, ended=job.finished_at, state=job.state, took=took,
        worker=worker_of(job),
    )  # fmt: skip


def _others(job: Job, now: datetime) -> Iterator[Event]:
    if job.state == State.SCHEDULED:
        title = _("Attempt %s is due") % (job.attempts + 1)
        yield Event(title=title, at=job.scheduled_at, is_future=job.scheduled_at > now)
    elif not job.attempts and job.scheduled_at - job.enqueued_at > _MOMENT:
        yield Event(title=_("Due"), at=job.scheduled_at, is_future=job.scheduled_at > now)
    if job.aged_at is not None:
        yield Event(title=_("Priority raised because it waited for long"), at=job.aged_at)
    if job.state in FINISHED:
        if job.prune_at is not None:
            title = _("Its row may be deleted")
            yield Event(title=title, at=job.prune_at, is_future=job.prune_at > now)
        return
    if job.expires_at is not None and job.state != State.RUNNING:
        title = _("Cancelled unless it has begun")
        yield Event(title=title, at=job.expires_at, is_future=job.expires_at > now)
    yield Event(title=_("Now"), at=now, state=job.state)


def worker_of(job: Job) -> str:
    """Return who runs the job or ran it last, which may be gone."""
    if job.worker_id is None:
        return ""
    worker = Worker.objects.using(job._state.db).filter(pk=job.worker_id).first()
    return str(worker) if worker else _("worker %d, gone") % job.worker_id


def moment_of(text: object) -> datetime | None:
    """Return a stored time; None for what is none, which only SQL could have written."""
    try:
        moment = parse_datetime(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return None if moment is None or timezone.is_naive(moment) else moment
