"""What a running job and its worker show of themselves: how long, how far, how lately."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.utils.translation import gettext

from django_jobs import wording
from django_jobs.conf import options
from django_jobs.models import Job, Worker
from django_jobs.reasons import Code, Reason


def headline(job: Job, worker: Worker | None, now: datetime) -> str:
    """Return who runs a job, and for how long; without a worker where that is gone."""
    told = {"worker": worker or job.worker_id, "attempt": job.attempts, "most": job.max_attempts}
    if job.started_at is None:
        return _claimed(is_gone=worker is None) % told
    return _running(is_gone=worker is None) % {**told, "time": wording.span(now - job.started_at)}


def _claimed(*, is_gone: bool) -> str:
    if is_gone:
        return gettext(
            "It is claimed by worker %(worker)s, which is gone, for attempt %(attempt)s of "
            "%(most)s, and may not have begun."
        )
    return gettext(
        "It is claimed by %(worker)s, for attempt %(attempt)s of %(most)s, and may not have begun."
    )


def _running(*, is_gone: bool) -> str:
    if is_gone:
        return gettext(
            "It is running, for %(time)s, by worker %(worker)s, which is gone: attempt %(attempt)s "
            "of %(most)s."
        )
    return gettext("It is running, for %(time)s, by %(worker)s: attempt %(attempt)s of %(most)s.")


def signs(job: Job, worker: Worker | None, now: datetime) -> Iterator[Reason]:
    """Return what is to be told of a job that runs."""
    yield from _of_worker(job, worker, now)
    yield from _progress(job)
    yield from _over_time(job, now)


def _of_worker(job: Job, worker: Worker | None, now: datetime) -> Iterator[Reason]:
    if worker is None:
        text = gettext("Its worker is gone; another one is about to take it back.")
        yield Reason(Code.WORKER_GONE, text)
        return
    silent, allowed = now - worker.heartbeat_at, options().heartbeat_timeout
    if silent > timedelta(seconds=allowed):
        text = gettext(
            "Its worker gave no sign of life for %(silent)s; any other worker takes the job back "
            "after %(allowed)s."
        )
        told = {"silent": wording.span(silent), "allowed": wording.span(allowed)}
        yield Reason(Code.HEARTBEAT_OLD, text % told)
    elif job.started_at is None:
        text = gettext("Its worker has claimed it ahead; it begins when a place is free.")
        yield Reason(Code.NOT_BEGUN, text)


def _progress(job: Job) -> Iterator[Reason]:
    told = job.progress
    if isinstance(told, dict):
        text = gettext("It says: %(progress)s.")
        discreet = text % {"progress": progress_text({**told, "message": None})}
        yield Reason(Code.PROGRESS, text % {"progress": progress_text(told)}, discreet)


def _over_time(job: Job, now: datetime) -> Iterator[Reason]:
    limit = options().default_timeout if job.timeout is None else job.timeout.total_seconds()
    if job.started_at and limit and now - job.started_at > timedelta(seconds=limit):
        text = gettext("It has run for longer than its timeout of %(timeout)s.")
        yield Reason(Code.OVER_TIME, text % {"timeout": wording.span(limit)})


def progress_text(told: Mapping[str, Any]) -> str:
    """Return how far a job says it has got, such as ``30 of 120 (25 %), reading``."""
    done, total, message = told.get("done"), told.get("total"), told.get("message")
    text = str(done)
    if isinstance(done, int | float) and not isinstance(done, bool):
        text = wording.number(done)
    if isinstance(total, int | float) and total > 0:
        share = progress_share(told)
        words = {"done": text, "total": wording.number(total)}
        if share is None:
            text = gettext("%(done)s of %(total)s") % words
        else:
            words["share"] = f"{share * 100:.0f}"
            text = gettext("%(done)s of %(total)s (%(share)s %%)") % words
    return f"{text}, {wording.first_line(message)}" if message else text


def progress_share(told: Mapping[str, Any]) -> float | None:
    """Return how much of all is done, 1 for all of it; None where nobody can tell."""
    done, total = told.get("done"), told.get("total")
    if not isinstance(done, int | float) or not isinstance(total, int | float) or total <= 0:
        return None
    try:
        return done / total
    except OverflowError:  # JSON has integers of any size
        return None
