"""A verb done to many jobs: in small transactions, with what became of each kind of job."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from django.db import transaction
from django.db.models import QuerySet

from django_jobs.admin.job.verbs import Verb
from django_jobs.models import Job
from django_jobs.states import State

#: Jobs of one transaction: no lock is held for long.
BATCH = 500
#: Jobs that one request changes. It is said where there are more.
MOST = 100_000
#: Jobs that a preview counts.
COUNTED = 10_000


@dataclass
class Result:
    """What became of the jobs."""

    done: int = 0
    #: Of those that were done, how many were running.
    running: int = 0
    #: Jobs that were in no state for it, by their states.
    unfit: Counter[str] = field(default_factory=Counter)
    #: Jobs that were in a state for it, and were left all the same.
    left: int = 0
    #: Jobs whose rows are gone.
    gone: int = 0
    #: The ids of those that were in a state for it.
    fit: list[int] = field(default_factory=list)


def fitting(jobs: QuerySet[Job], verb: Verb, *, most: int, up_to: int | None = None) -> list[int]:
    """Return the ids of the jobs that a verb is for, up to a number and up to an id."""
    if up_to is not None:
        jobs = jobs.filter(pk__lte=up_to)
    ids: list[int] = []
    # State by state, so that each may be found by its index; in no order, so that none is walked.
    for state in sorted(verb.states):
        rows = jobs.filter(state=state).order_by()
        ids += rows.values_list("pk", flat=True)[: most - len(ids)]
        if len(ids) >= most:
            break
    return sorted(ids)


def do(jobs: QuerySet[Job], ids: Sequence[int], verb: Verb, priority: int) -> Result:
    """Do a verb to jobs, in batches that are committed one by one."""
    result = Result()
    for start in range(0, len(ids), BATCH):
        _do(jobs, ids[start : start + BATCH], verb, priority, result)
    return result


def _do(jobs: QuerySet[Job], ids: Sequence[int], verb: Verb, priority: int, result: Result) -> None:
    with transaction.atomic(using=jobs.db):
        # Those that the user may see, as they are now.
        rows = jobs.filter(pk__in=ids).order_by()
        states = dict(rows.values_list("pk", "state"))
        fit = [key for key, state in states.items() if state in verb.states]
        done = verb.apply(fit, priority, jobs.db) if fit else 0
    result.gone += len(ids) - len(states)
    result.unfit.update(state for state in states.values() if state not in verb.states)
    result.done += done
    result.fit += fit
    result.left += max(len(fit) - done, 0)
    running = sum(states[key] == State.RUNNING for key in fit)
    result.running += min(running, done)
