"""A hundred callers want one unique key while its job goes through its life."""

from __future__ import annotations

import itertools
import threading
import time
from datetime import timedelta
from random import Random
from typing import NamedTuple

import pytest

from django_jobs import engine, enqueue
from django_jobs.models import Job
from django_jobs.outcomes import Cancelled, Snoozed, Succeeded
from django_jobs.states import FINISHED, LIVE, State
from tests.rows import FAILED, RETENTION, RETRIED, claim, ended, finish, held, make_job, new_job
from tests.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)

KEY = "one and only"
SPEC = new_job(unique_key=KEY)
#: Connections, and what each of them asks for.
CALLERS, CALLS = 25, 4
#: Runs while the callers go on without a pause.
RUNS = 60


class Answer(NamedTuple):
    """What a caller got, and when it asked and was answered."""

    asked: float
    job: Job
    answered: float


def ask(spec=SPEC):
    """Enqueue under the key."""
    asked = time.monotonic()
    return Answer(asked, enqueue(spec), time.monotonic())


def specs():
    """Yield what to ask for, now and in a moment, without end."""
    return itertools.cycle([SPEC, SPEC.with_scheduled_at(timedelta(milliseconds=1))])


def holders():
    return Job.objects.filter(unique_key=KEY, state__in=LIVE).count()


def while_a_hundred_ask(move):
    """Let the callers and one move of the job begin at one moment; return what all got.

    The database's index refuses a second holder; an onlooker makes sure that there is none.
    """

    def timed_move():
        began = time.monotonic()
        return began, move(), time.monotonic()

    def call():
        try:
            return [ask() for _ in range(CALLS)]
        finally:
            answered.append(1)

    def look_on():
        return [holders() for _ in iter(lambda: len(answered), CALLERS)]

    answered = []
    moved, seen, *answers = at_once(timed_move, look_on, *[call] * CALLERS)
    assert max(seen, default=0) <= 1
    return moved, list(itertools.chain(*answers))


def rescue(job):
    return lambda: engine.rescue([1], reason="lost", retention=RETENTION, using="default")


def end_as(outcome):
    return lambda job: lambda: finish(ended(held(job), outcome))


def cancel(job):
    return lambda: engine.cancel([job.pk], retention=60, using="default")


DUE = {"scheduled_at": "2026-01-01T00:00:00Z"}
#: Moves of a job that keeps its key: where it is, and where it will be.
LIVING = {
    "promoted": (State.SCHEDULED, lambda job: lambda: engine.promote(using="default")),
    "claimed": (State.READY, lambda job: claim),
    "released": (
        State.RUNNING, lambda job: lambda: engine.release([held(job)], using="default"),
    ),
    "rescued": (State.RUNNING, rescue),
    "tried again": (State.RUNNING, end_as(RETRIED)),
    "put to sleep": (State.RUNNING, end_as(Snoozed(60))),
}  # fmt: skip
#: Moves that end it.
ENDING = {
    "succeeded": (State.RUNNING, end_as(Succeeded())),
    "failed": (State.RUNNING, end_as(FAILED)),
    "cancelled itself": (State.RUNNING, end_as(Cancelled("enough"))),
    "cancelled while it waits": (State.READY, cancel),
    "cancelled before its time": (State.SCHEDULED, cancel),
    "cancelled while it runs": (State.RUNNING, cancel),
    "lost with its worker": (State.RUNNING, rescue),
}


@pytest.mark.parametrize("how", LIVING)
def test_a_job_that_lives_on_is_what_everybody_gets(how):
    # Given a job that holds the key, and has an attempt left
    state, make_move = LIVING[how]
    job = make_job(state, unique_key=KEY, max_attempts=5, **DUE)
    # When a hundred ask for the key while it is moved
    _, answers = while_a_hundred_ask(make_move(job))
    # Then all get that job, and no other is made
    assert {answer.job.pk for answer in answers} == {job.pk}
    assert not any(answer.job.created for answer in answers)
    assert Job.objects.get().state in LIVE - {state}


@pytest.mark.parametrize("how", ENDING)
def test_a_job_that_ends_is_followed_by_one_and_no_more(how):
    # Given a job that holds the key, and has no attempt left
    state, make_move = ENDING[how]
    started = {"started_at": "2026-01-01T00:00:00Z"} if state == State.RUNNING else {}
    job = make_job(state, unique_key=KEY, **started)
    # When a hundred ask for the key while it ends
    (began, _, over), answers = while_a_hundred_ask(make_move(job))
    # Then at most one other is made, however many ask
    assert Job.objects.get(pk=job.pk).state in FINISHED
    made = [answer for answer in answers if answer.job.created]
    assert len(made) == holders() == Job.objects.count() - 1 <= 1
    assert {answer.job.unique_key for answer in answers} == {KEY}
    assert {a.job.pk for a in answers} <= {job.pk, *(a.job.pk for a in made)}
    # And not before the first one was about to end
    assert all(answer.answered > began for answer in made)
    # And nobody who asks after that gets the first one
    assert all(answer.asked < over for answer in answers if answer.job.pk == job.pk)


def test_a_job_that_is_retried_and_a_new_one_never_live_together():
    # Given a job that has failed, and held the key
    job = make_job(State.FAILED, unique_key=KEY)
    # When a hundred ask for the key while it is retried
    (_, retried, _), answers = while_a_hundred_ask(lambda: engine.retry([job.pk], using="default"))
    # Then either it lives again, or a new one does
    made = [answer.job.pk for answer in answers if answer.job.created]
    assert retried + len(made) == 1
    assert {answer.job.pk for answer in answers} == {made[0] if made else job.pk}
    assert holders() == 1


def test_the_key_has_one_holder_throughout_many_lives():
    # Given callers who ask without a pause, and somebody who looks on
    over, random = threading.Event(), Random(1)

    def call():
        return [ask(spec) for spec in itertools.takewhile(lambda _: not over.is_set(), specs())]

    def look_on():
        return [holders() for _ in iter(over.is_set, True)]

    # When job after job is scheduled, runs, is given back, fails, is retried, cancelled and ends
    def live():
        try:
            moves: list[tuple[int, str]] = []
            while sum(claimed for claimed, _ in moves) < RUNS:
                moves.append(_move(random))
            return moves
        finally:
            over.set()

    moves, seen, *answers = at_once(live, look_on, *[call] * CALLERS)

    # Then there was one holder of the key at most, at each moment
    assert set(seen) <= {0, 1}
    assert max(claimed for claimed, _ in moves) == 1
    # And every caller got a job of that key; each that was made, one caller has made
    jobs = [answer.job for answer in itertools.chain(*answers)]
    assert {job.unique_key for job in jobs} == {KEY}
    made = [job.pk for job in jobs if job.created]
    assert len(made) == len(set(made))
    assert set(made) == set(Job.objects.values_list("pk", flat=True))
    # And there have been many
    assert {how for _, how in moves} >= ENDS.keys()
    assert len(jobs) > CALLERS
    assert len(made) > 1


#: What becomes of a run.
ENDS = {
    "cancelled": None,
    "released": None,
    "rescued": None,
    "succeeded": Succeeded(),
    "failed": FAILED,
    "tried again": RETRIED,
    "put to sleep": Snoozed(0.0),
}


def _move(random):
    """Move the holder of the key on; return how many jobs were claimed, and what was done."""
    engine.promote(using="default")
    claimed = claim(limit=5)
    if not claimed:
        failed = list(Job.objects.failed().values_list("pk", flat=True))
        return 0, "retried" if engine.retry(failed, using="default") else "nothing"
    how, outcome = random.choice(list(ENDS.items()))
    if how == "cancelled":
        engine.cancel([job.id for job in claimed], retention=60, using="default")
    elif how == "released":
        engine.release(claimed, using="default")
    elif how == "rescued":
        engine.rescue([1], reason="lost", retention=RETENTION, using="default")
    else:
        assert finish(*(ended(job, outcome) for job in claimed)) == set()
    return len(claimed), how
