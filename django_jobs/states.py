"""The states of a job and the moves between them: written once, executed everywhere.

The engine derives its WHERE clauses from ``TRANSITIONS``; the database repeats them as
CheckConstraints; ``docs/lifecycle.md`` draws them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class State(TextChoices):
    """Where a job is in its life."""

    #: Not due yet, or waiting for its next attempt. Moved out by promote.
    SCHEDULED = "scheduled", _("scheduled")
    #: Waits for other jobs. Moved out when the last of them has succeeded or one has failed.
    BLOCKED = "blocked", _("blocked")
    #: May be claimed now. Moved out by claim.
    READY = "ready", _("ready")
    #: Owned by a worker. Moved out by that worker, or by rescue when the worker is dead.
    RUNNING = "running", _("running")
    #: Ended well. Deleted by prune.
    SUCCEEDED = "succeeded", _("succeeded")
    #: No attempt left: a dead letter. Moved out by retry, deleted by prune.
    FAILED = "failed", _("failed")
    #: Given up on purpose. Moved out by retry, deleted by prune.
    CANCELLED = "cancelled", _("cancelled")


#: States in which a job still has work ahead of it; a unique key is held for just as long.
LIVE = frozenset({State.SCHEDULED, State.BLOCKED, State.READY, State.RUNNING})
#: States in which a job has work ahead of it and nobody has taken it.
WAITING = LIVE - {State.RUNNING}
#: States that few jobs are in, and that people look for.
SELDOM = frozenset({State.BLOCKED, State.FAILED, State.CANCELLED})
#: States in which a job has ended; ``finished_at`` is set in these and in no other.
FINISHED = frozenset({State.SUCCEEDED, State.FAILED, State.CANCELLED})


class Transition(NamedTuple):
    """What one verb of the engine may do to a job: the states it takes from, and moves to."""

    sources: frozenset[State]
    targets: frozenset[State]


def _move(sources: Iterable[State], *targets: State) -> Transition:
    return Transition(frozenset(sources), frozenset(targets))


TRANSITIONS: dict[str, Transition] = {
    "enqueue": _move((), State.SCHEDULED, State.BLOCKED, State.READY),
    "promote": _move({State.SCHEDULED}, State.READY),
    "expedite": _move({State.SCHEDULED}, State.READY),
    "claim": _move({State.READY}, State.RUNNING),
    "finish": _move(
        {State.RUNNING}, State.SUCCEEDED, State.FAILED, State.CANCELLED, State.SCHEDULED
    ),
    "release": _move({State.RUNNING}, State.READY),
    "block": _move({State.RUNNING}, State.BLOCKED),
    "settle": _move({State.BLOCKED}, State.READY, State.SCHEDULED, State.FAILED, State.CANCELLED),
    "rescue": _move({State.RUNNING}, State.READY, State.FAILED, State.SUCCEEDED),
    "expire": _move({State.SCHEDULED, State.BLOCKED, State.READY}, State.CANCELLED),
    "cancel": _move(LIVE, State.CANCELLED),
    "retry": _move({State.FAILED, State.CANCELLED}, State.READY, State.BLOCKED),
}


def sources(verb: str) -> frozenset[State]:
    """Return the states that ``verb`` takes jobs from."""
    return TRANSITIONS[verb].sources


class WorkflowState(TextChoices):
    """Where a workflow is in its life."""

    #: Some of its jobs have not ended, or its clean-up has not.
    RUNNING = "running", _("running")
    #: All of its jobs have succeeded.
    SUCCEEDED = "succeeded", _("succeeded")
    #: All has ended, and a job has failed, or was cancelled alone.
    FAILED = "failed", _("failed")
    #: All has ended, and somebody has cancelled the whole.
    CANCELLED = "cancelled", _("cancelled")


class StepState(TextChoices):
    """Where a step of a workflow is in its life."""

    #: Steps before it have not ended; its jobs are blocked.
    WAITING = "waiting", _("waiting")
    #: Its jobs may run.
    RUNNING = "running", _("running")
    #: All of its jobs have succeeded.
    SUCCEEDED = "succeeded", _("succeeded")
    #: All of its jobs have ended, and not all well.
    FAILED = "failed", _("failed")
    #: It was given up before it could begin, or with the whole workflow.
    CANCELLED = "cancelled", _("cancelled")


class OnFailure(TextChoices):
    """What becomes of the steps that come after one of which a job has failed."""

    #: They are cancelled. What does not come after it goes on.
    STOP = "stop", _("stop")
    #: They run all the same.
    GO_ON = "go_on", _("go on")


#: As ``on_failure=`` takes it.
OnFailureWord = OnFailure | Literal["stop", "go_on"]
