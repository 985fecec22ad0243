"""Why is this job not running? The answer, for a job in any state."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from asgiref.sync import sync_to_async
from django.db.models.functions import Now
from django.utils.translation import gettext, pgettext

from django_jobs import awaiting, endings, lifesigns, surroundings, wording
from django_jobs.conf import options
from django_jobs.engine.sql import write_alias
from django_jobs.models import Job, Worker
from django_jobs.obstacles import STUCK, Obstacles
from django_jobs.reasons import Code, Explanation, Reason
from django_jobs.states import State

#: What a worker writes on a job whose function it does not know.
_PARKED = "Parked:"


def explain(job: Job | int, *, using: str | None = None) -> Explanation:
    """Look at a job and all around it, and say why it is where it is.

    The row is read anew. The answer is in the language that is active. Raise Job.DoesNotExist
    where there is none.
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
            headline = gettext("It is ready, and will not run as things are.")
        elif reasons:
            headline = gettext("It is ready, and waits for its turn.")
        else:
            headline = gettext(
                "It is ready, and nothing is in its way: a worker is about to take it."
            )
        return headline, [*reasons, *self._last_error()]

    def _blocked(self) -> tuple[str, list[Reason]]:
        if steps := awaiting.steps(self._job):
            return awaiting.headline([]), [*steps, *self._note()]
        linked = surroundings.awaited_by(self._job, using=self._using)
        awaited = [one for one in linked if not one.resolved]
        more = self._last_error() if awaited else self._note()
        return awaiting.headline(awaited), [*awaiting.jobs(awaited), *more]

    def _scheduled(self) -> tuple[str, list[Reason]]:
        at = self._job.scheduled_at
        obstacles = Obstacles(self._job, self._now, self._using)
        lasting = obstacles.lasting()
        if at > self._now:
            headline = gettext("It is due in %(time)s.") % {"time": wording.span(at - self._now)}
            text = gettext("It is scheduled for %(at)s.") % {"at": wording.moment(at)}
            first = Reason(Code.NOT_DUE, text)
        else:
            headline = gettext("It is due, and about to be made ready.")
            text = gettext("Workers look every %(time)s for what is due.")
            first = Reason(
                Code.NOT_PROMOTED, text % {"time": wording.span(options().poll_interval)}
            )
        return headline, [first, *self._comes_again(obstacles), *lasting, *self._last_error()]

    def _comes_again(self, obstacles: Obstacles) -> Iterator[Reason]:
        job = self._job
        if job.note and job.note.startswith(_PARKED):
            yield _parked(wording.first_line(job.note), is_known=obstacles.is_known)
        elif job.note:
            yield from self._note()
        if job.attempts:
            text = gettext("It waits for attempt %(attempt)s of %(most)s.")
            told = {"attempt": job.attempts + 1, "most": job.max_attempts}
            yield Reason(Code.NEXT_ATTEMPT, text % told)

    # Begun --------------------------------------------------------------------------------------

    def _running(self) -> tuple[str, list[Reason]]:
        job = self._job
        # The database lets no job run without a worker.
        worker = Worker.objects.using(self._using).filter(pk=job.worker_id or 0).first()
        headline = lifesigns.headline(job, worker, self._now)
        return headline, [*lifesigns.signs(job, worker, self._now), *self._last_error()]

    def _finished(self) -> tuple[str, list[Reason]]:
        job = self._job
        reasons = [*self._note(), *endings.ended_by(job), *self._last_error(), *endings.kept(job)]
        return endings.headline(job), reasons

    # In any state -------------------------------------------------------------------------------

    def _note(self) -> Iterator[Reason]:
        if self._job.note:
            text = gettext("Its note says: %(note)s")
            told = {"note": wording.first_line(self._job.note)}
            yield Reason(Code.NOTE, text % told, gettext("There is a note on it."))

    def _last_error(self) -> Iterator[Reason]:
        kept = self._job.errors
        error = kept[-1] if isinstance(kept, list) and kept else None
        if isinstance(error, dict) and self._job.state != State.SUCCEEDED:
            attempt = error.get("attempt")
            # One that never ran has no attempts.
            text = (
                gettext("Attempt %(attempt)s failed: %(error)s")
                if attempt
                else gettext("It failed: %(error)s")
            )
            told = {"attempt": attempt, "error": error_text(error)}
            discreet = text % {**told, "error": error_text({**error, "message": ""})}
            yield Reason(Code.LAST_ERROR, text % told, discreet)


def _parked(note: str, *, is_known: bool) -> Reason:
    if is_known:
        # Translators: the note is in English, and begins with "Parked:".
        text = pgettext("the note of a worker", "%(note)s This process knows the function.")
        discreet = gettext(
            "Parked: a worker did not know its function. This process knows the function."
        )
    else:
        text = pgettext("the note of a worker", "%(note)s")
        discreet = gettext("Parked: a worker did not know its function.")
    return Reason(Code.PARKED, text % {"note": note}, discreet)


def error_text(error: Mapping[str, Any]) -> str:
    """Return an error in one line: its kind, and the first line of its message."""
    kind = str(error.get("exception") or "").rpartition(".")[2]
    return f"{kind}: {wording.first_line(error.get('message') or '')}".strip(": ")
