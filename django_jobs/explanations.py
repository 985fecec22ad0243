"""Why is this job not running? The answer, for a job in any state."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from asgiref.sync import sync_to_async
from django.db.models.functions import Now

from django_jobs import surroundings, wording
from django_jobs.conf import options
from django_jobs.engine.sql import write_alias
from django_jobs.models import Job, Worker
from django_jobs.obstacles import STUCK, Obstacles, steps_before
from django_jobs.reasons import Code, Explanation, Reason
from django_jobs.states import State
from django_jobs.surroundings import Linked

#: What a job in each state does, as the end of a sentence.
_STATES = {
    State.SCHEDULED: "is scheduled",
    State.BLOCKED: "is blocked itself",
    State.READY: "is ready",
    State.RUNNING: "is running",
    State.SUCCEEDED: "has succeeded",
    State.FAILED: "has failed",
    State.CANCELLED: "was cancelled",
}


def explain(job: Job | int, *, using: str | None = None) -> Explanation:
    """Look at a job and all around it, and say why it is where it is.

    The row is read anew. Raise Job.DoesNotExist where there is none.
    """
    given = job.pk if isinstance(job, Job) else job
    alias = using or (job._state.db if isinstance(job, Job) else None) or write_alias(None)
    row = Job.objects.using(alias).annotate(read_at=Now()).filter(pk=given).first()
    if row is None:
        raise Job.DoesNotExist(f"There is no job #{given}: it was pruned, or it never was.")
    # By the clock of the database, like the times in the row.
    now: datetime = row.read_at  # type: ignore[attr-defined]
    headline, reasons = _Answer(row, now, alias).give()
    return Explanation(row.pk, row.name, State(row.state), headline, tuple(reasons))


aexplain = sync_to_async(explain)


class _Answer:
    """One job at one moment of the database's time."""

    def __init__(self, job: Job, now: datetime, using: str) -> None:
        self._job, self._now, self._using = job, now, using

    def give(self) -> tuple[str, list[Reason]]:
        """Return the headline and the reasons."""
        match State(self._job.state):
            case State.READY:
                return self._ready()
            case State.SCHEDULED:
                return self._scheduled()
            case State.BLOCKED:
                if text := steps_before(self._job):
                    discreet = "It waits for other steps of its workflow."
                    blocked = Reason(Code.BLOCKED, text, discreet)
                    return "It is blocked.", [blocked, *self._note()]
                return self._blocked()
            case State.RUNNING:
                return self._running()
            case _:
                return self._finished()

    # Waiting ------------------------------------------------------------------------------------

    def _ready(self) -> tuple[str, list[Reason]]:
        obstacles = Obstacles(self._job, self._now, self._using)
        reasons = [*obstacles.lasting(), *obstacles.passing()]
        if any(reason.code in STUCK for reason in reasons):
            headline = "It is ready, and will not run as things are."
        elif reasons:
            headline = "It is ready, and waits for its turn."
        else:
            headline = "It is ready, and nothing is in its way: a worker is about to take it."
        return headline, [*reasons, *self._last_error()]

    def _blocked(self) -> tuple[str, list[Reason]]:
        awaited = surroundings.awaited_by(self._job, using=self._using)
        waits_for = [one for one in awaited if not one.resolved]
        if not waits_for:
            text = "It waits for other jobs to succeed."
            return "It is blocked.", [Reason(Code.BLOCKED, text), *self._note()]
        number = wording.capped(len(waits_for), surroundings.MOST, "other job")
        reasons = [
            Reason(Code.WAITS_FOR, f"It waits for {linked_text(one)}.", "It waits for another job.")
            for one in waits_for[: wording.NAMED]
        ]
        return f"It is blocked: it waits for {number} to succeed.", [*reasons, *self._last_error()]

    def _scheduled(self) -> tuple[str, list[Reason]]:
        at = self._job.scheduled_at
        obstacles = Obstacles(self._job, self._now, self._using)
        lasting = obstacles.lasting()
        if at > self._now:
            headline = f"It is due in {wording.span(at - self._now)}."
            first = Reason(Code.NOT_DUE, f"It is scheduled for {wording.moment(at)}.")
        else:
            headline = "It is due, and about to be made ready."
            text = f"Workers look every {wording.span(options().poll_interval)} for what is due."
            first = Reason(Code.NOT_PROMOTED, text)
        return headline, [first, *self._comes_again(obstacles), *lasting, *self._last_error()]

    def _comes_again(self, obstacles: Obstacles) -> Iterator[Reason]:
        job = self._job
        if job.note and job.note.startswith("Parked:"):
            known = " This process knows the function." if obstacles.is_known else ""
            discreet = f"Parked: a worker did not know its function.{known}"
            yield Reason(Code.PARKED, f"{wording.first_line(job.note)}{known}", discreet)
        elif job.note:
            yield from self._note()
        if job.attempts:
            text = f"It waits for attempt {job.attempts + 1} of {job.max_attempts}."
            yield Reason(Code.NEXT_ATTEMPT, text)

    # Running ------------------------------------------------------------------------------------

    def _running(self) -> tuple[str, list[Reason]]:
        job = self._job
        # The database lets no job run without a worker.
        worker = Worker.objects.using(self._using).filter(pk=job.worker_id or 0).first()
        by = str(worker) if worker else f"worker {job.worker_id}, which is gone"
        attempt = f"attempt {job.attempts} of {job.max_attempts}"
        if job.started_at is None:
            headline = f"It is claimed by {by}, for {attempt}, and may not have begun."
        else:
            since = wording.span(self._now - job.started_at)
            headline = f"It is running, for {since}, by {by}: {attempt}."
        return headline, [
            *self._sign_of_life(worker),
            *self._progress(),
            *self._over_time(),
            *self._last_error(),
        ]

    def _sign_of_life(self, worker: Worker | None) -> Iterator[Reason]:
        if worker is None:
            text = "Its worker is gone; another one is about to take it back."
            yield Reason(Code.WORKER_GONE, text)
            return
        silent, allowed = self._now - worker.heartbeat_at, options().heartbeat_timeout
        if silent > timedelta(seconds=allowed):
            yield Reason(
                Code.HEARTBEAT_OLD,
                f"Its worker gave no sign of life for {wording.span(silent)}; any other worker "
                f"takes the job back after {wording.span(allowed)}.",
            )
        elif self._job.started_at is None:
            text = "Its worker has claimed it ahead; it begins when a place is free."
            yield Reason(Code.NOT_BEGUN, text)

    def _progress(self) -> Iterator[Reason]:
        told = self._job.progress
        if isinstance(told, dict):
            discreet = f"It says: {progress_text({**told, 'message': None})}."
            yield Reason(Code.PROGRESS, f"It says: {progress_text(told)}.", discreet)

    def _over_time(self) -> Iterator[Reason]:
        job = self._job
        limit = options().default_timeout if job.timeout is None else job.timeout.total_seconds()
        if job.started_at and limit and self._now - job.started_at > timedelta(seconds=limit):
            text = f"It has run for longer than its timeout of {wording.span(limit)}."
            yield Reason(Code.OVER_TIME, text)

    # Over ---------------------------------------------------------------------------------------

    def _finished(self) -> tuple[str, list[Reason]]:
        job = self._job
        verb = {State.SUCCEEDED: "succeeded", State.FAILED: "failed"}.get(
            State(job.state), "was cancelled"
        )
        at = wording.moment(job.finished_at) if job.finished_at else "some time"
        headline = f"It {verb} at {at}"
        if job.attempts and job.state != State.CANCELLED:
            headline += f", at attempt {job.attempts} of {job.max_attempts}"
            headline += f", after {wording.span(job.duration)}" if job.duration else ""
        reasons = [*self._note(), *self._ended_by(), *self._last_error()]
        if job.prune_at is not None:
            text = f"Its row is kept until {wording.moment(job.prune_at)}."
            reasons.append(Reason(Code.KEPT, text))
        return f"{headline}.", reasons

    def _ended_by(self) -> Iterator[Reason]:
        if self._job.ended_by is not None:
            text = (
                f"It never ran: it waited for job #{self._job.ended_by}, which did not succeed. "
                f"To retry either of them retries both."
            )
            discreet = "It never ran: it waited for another job, which did not succeed."
            yield Reason(Code.ENDED_BY, text, discreet)

    # In any state -------------------------------------------------------------------------------

    def _note(self) -> Iterator[Reason]:
        if self._job.note:
            text = f"Its note says: {wording.first_line(self._job.note)}"
            yield Reason(Code.NOTE, text, "There is a note on it.")

    def _last_error(self) -> Iterator[Reason]:
        kept = self._job.errors
        error = kept[-1] if isinstance(kept, list) and kept else None
        if isinstance(error, dict) and self._job.state != State.SUCCEEDED:
            attempt = error.get("attempt")
            # One that never ran has no attempts.
            who = f"Attempt {attempt}" if attempt else "It"
            discreet = f"{who} failed: {error_text({**error, 'message': ''})}"
            yield Reason(Code.LAST_ERROR, f"{who} failed: {error_text(error)}", discreet)


def error_text(error: Mapping[str, Any]) -> str:
    """Return an error in one line: its kind, and the first line of its message."""
    kind = str(error.get("exception") or "").rpartition(".")[2]
    return f"{kind}: {wording.first_line(error.get('message') or '')}".strip(": ")


def linked_text(linked: Linked) -> str:
    """Return a job at the end of a link in a few words."""
    if linked.state is None:
        return f"#{linked.id}, whose row is gone"
    return f"{linked.name} #{linked.id}, which {_STATES[State(linked.state)]}"


def progress_text(told: Mapping[str, Any]) -> str:
    """Return how far a job says it has got, such as ``30 of 120 (25 %), reading``."""
    done, total, message = told.get("done"), told.get("total"), told.get("message")
    text = f"{done:,}" if isinstance(done, int | float) else str(done)
    if isinstance(total, int | float) and total > 0:
        text += f" of {total:,}"
        share = progress_share(told)
        text += f" ({share * 100:.0f} %)" if share is not None else ""
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
