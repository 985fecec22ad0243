"""The table of transitions, and what the engine's verbs can really do."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from django_jobs import chain, engine
from django_jobs.models import Job, Link
from django_jobs.outcomes import Cancelled, Claimed, Parked, Snoozed, Succeeded
from django_jobs.prepared import Origin
from django_jobs.states import FINISHED, LIVE, TRANSITIONS, State, sources
from tests.rows import (
    FAILED,
    RETENTION,
    RETRIED,
    block,
    claim,
    ended,
    finish,
    make_job,
    new_job,
    rescue_dead,
    settle,
    state_of,
)

LATER = timedelta(hours=1)

#: How a worker's job gets into each state; the worker may come back with its claim in any of them.
LIVES = {
    State.SCHEDULED: lambda job: finish(ended(job, RETRIED)),
    State.BLOCKED: lambda job: Job.objects.update(state=State.BLOCKED, worker=None, claims=9),
    State.READY: lambda job: engine.release([job], using="default"),
    State.RUNNING: lambda job: None,
    State.SUCCEEDED: lambda job: finish(ended(job)),
    State.FAILED: lambda job: finish(ended(job, FAILED)),
    State.CANCELLED: lambda job: finish(ended(job, Cancelled("enough"))),
}

#: Every way to call each verb on a job that a worker claimed.
VERBS: dict[str, list[Callable[[Claimed], object]]] = {
    "claim": [lambda job: claim()],
    "finish": [
        lambda job: finish(ended(job, Succeeded())),
        lambda job: finish(ended(job, FAILED)),
        lambda job: finish(ended(job, RETRIED)),
        lambda job: finish(ended(job, Snoozed(0.0))),
        lambda job: finish(ended(job, Parked("unknown", 0.0))),
        lambda job: finish(ended(job, Cancelled("enough"))),
    ],
    "release": [
        lambda job: engine.release([job], using="default"),
        lambda job: engine.disown(1, [], using="default"),
    ],
    "rescue": [
        lambda job: rescue_dead(),
        lambda job: engine.rescue(
            [1], returned=[job.id], reason="", retention=RETENTION, using="default"
        ),
    ],
    "block": [lambda job: block(job, make_job())],
    "promote": [lambda job: engine.promote(using="default")],
    "expedite": [lambda job: engine.expedite([job.id], using="default")],
    "reprioritize": [lambda job: engine.reprioritize([job.id], 7, using="default")],
    "cancel": [lambda job: engine.cancel([job.id], retention=60, using="default")],
    "retry": [
        lambda job: engine.retry([job.id], using="default"),
        lambda job: resume(job),
        lambda job: (
            waited(job, State.FAILED, is_over=True) and engine.retry([job.id], using="default")
        ),
    ],
    "heartbeat": [
        lambda job: engine.heartbeat(1, using="default"),
        lambda job: engine.mark_started([(job.id, job.claims, 1.0)], using="default"),
    ],
    "prune": [lambda job: engine.prune(using="default")],
    "expire": [lambda job: expire(job)],
    "age": [lambda job: engine.age(after=0, up_to=9, using="default")],
    "fire": [lambda job: engine.fire(using="default")],
    "settle": [
        lambda job: engine.settle(retention=RETENTION, using="default"),
        lambda job: end_the_step_before(job),
        lambda job: end_the_step_before(job, scheduled_at=timezone.now() + LATER),
        lambda job: end_the_step_before(job, State.FAILED),
        lambda job: settle(),
        lambda job: waited(job, State.SUCCEEDED) and settle(),
        lambda job: waited(job, State.SUCCEEDED, scheduled_at=timezone.now() + LATER) and settle(),
        lambda job: waited(job, State.FAILED) and settle(),
        lambda job: waited(job, State.CANCELLED) and settle(),
    ],
}


def expire(job):
    """Let a job's time be over, then expire it."""
    Job.objects.filter(pk=job.id).update(expires_at="2020-01-01T00:00Z")
    engine.expire(retention=60, using="default")


def put_into_workflow(job, **columns):
    """Make a job the second one of a chain whose first one waits, and return the first one."""
    chain(new_job(), new_job()).enqueue()
    first, second = Job.objects.exclude(pk=job.id).order_by("pk")
    columns = {"step": second.step, "unsettled": True, **columns}
    second.delete()
    Job.objects.filter(pk=job.id).update(**columns)
    return first


def end_the_step_before(job, state=State.SUCCEEDED, **columns):
    """Put a job into a workflow, and let the step before its own end."""
    first = put_into_workflow(job, **columns)
    Job.objects.filter(pk=first.pk).update(state=state, finished_at=timezone.now())
    engine.settle(retention=RETENTION, using="default")


def resume(job):
    """Put a job into a workflow where it is not its turn, and retry it."""
    put_into_workflow(job)
    engine.retry([job.id], using="default")


def waited(job, state, *, is_over=False, **fields):
    """Let a job wait, if it waits at all, for one that has ended; or have ended because of it."""
    awaited = make_job(state, unsettled=True)
    Link.objects.create(waiting_id=job.id, awaited_id=awaited.pk)
    fields["ended_by"] = awaited.pk if is_over else None
    return Job.objects.filter(pk=job.id).update(**fields)


def job_in(state, max_attempts):
    """Make a job, claim it, bring it into a state, and return what the worker holds of it."""
    make_job(max_attempts=max_attempts)
    [job] = claim()
    LIVES[state](job)
    assert state_of(job) == state
    return job


def moves(verb):
    """Try a verb on a job in each state, with attempts left and without; return what it did."""
    seen = set()
    for call in VERBS[verb]:
        for state in State:
            for max_attempts in (1, 5):
                Job.objects.all().delete()
                job = job_in(state, max_attempts)
                call(job)
                if (now := state_of(job)) != state:
                    seen.add((state, State(now)))
    return seen


@pytest.mark.django_db
@pytest.mark.parametrize("verb", sorted(TRANSITIONS.keys() - {"enqueue"}))
def test_a_verb_does_what_the_table_says_and_nothing_else(verb):
    allowed = TRANSITIONS[verb]
    table = {(a, b) for a in allowed.sources for b in allowed.targets}

    # A cancelled job is not cancelled again, a scheduled one not scheduled.
    assert moves(verb) == {(a, b) for a, b in table if a != b}


@pytest.mark.django_db
@pytest.mark.parametrize("verb", sorted(VERBS.keys() - TRANSITIONS.keys()))
def test_a_verb_that_is_not_in_the_table_moves_nothing(verb):
    assert moves(verb) == set()


@pytest.mark.django_db
def test_enqueue_makes_scheduled_blocked_and_ready_jobs():
    waiting = Origin(blocked=True)
    new = [
        new_job(),
        new_job(scheduled_at=LATER),
        new_job(scheduled_at=timedelta(0)),
        new_job().coming_from(waiting),
        new_job(scheduled_at=LATER).coming_from(waiting),
    ]

    jobs = [job for count in (1, 30) for job in engine.enqueue(new * count, using="default")]

    assert {job.state for job in jobs} == TRANSITIONS["enqueue"].targets


def test_every_verb_of_the_engine_that_moves_jobs_is_tried():
    others = {
        "deregister", "register", "pause_queue", "resume_queue", "ensure_queue",
        "announce", "lost", "report", "row_of", "queue_rows", "forget_levels", "Claim",
        "known_tasks", "store_tasks", "reset", "declare", "fire_now", "Fired", "is_settled",
        "start", "remember", "Wait", "PRUNABLE", "prunable", "write_history", "sample", "roll_up",
        "tell_workers",
    }  # fmt: skip
    aliases = {
        "disown",
        "rescue_dead",
        "mark_started",
        "prune_older",
        "Rescued",
        "cancel_workflow",
        "retry_workflow",
        "retry_with",
    }

    assert set(engine.__all__) - others - aliases == VERBS.keys() | {"enqueue"}


def test_every_state_can_be_reached_and_live_ones_can_be_left():
    reached = set().union(*(move.targets for move in TRANSITIONS.values()))
    left = set().union(*(move.sources for move in TRANSITIONS.values()))

    assert reached == set(State)
    assert left >= LIVE


def test_each_state_is_either_live_or_finished():
    assert set(State) == LIVE | FINISHED
    assert not LIVE & FINISHED


def test_the_sources_of_a_verb_are_looked_up_by_its_name():
    assert sources("claim") == {State.READY}
    with pytest.raises(KeyError):
        sources("teleport")
