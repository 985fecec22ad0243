"""Before a job begins: have those succeeded that it depends on? If not, it waits for them."""

from __future__ import annotations

import logging

from django.db import OperationalError, transaction

from django_jobs import api, engine, runs
from django_jobs.definitions import Definition
from django_jobs.encoding import decode, encode_args, encode_kwargs
from django_jobs.exceptions import ClaimLost, InvalidDependency, JobGone, UnknownJob
from django_jobs.faults import fault_of
from django_jobs.judgement import Policy, fields, judge
from django_jobs.models import Job
from django_jobs.outcomes import Abandoned, Blocked, Claimed, Failed, Outcome, Snoozed
from django_jobs.prerequisites import Prerequisite, prerequisites
from django_jobs.registry import awaited

logger = logging.getLogger("django_jobs")

#: Seconds until a job is looked at again whose rows were held by somebody else.
LATER = 1.0


def concerns(definition: Definition) -> bool:
    """Return whether jobs of a function depend on others, or others on them."""
    return bool(definition.depends_on) or definition.name in awaited()


def waits(job: Claimed, definition: Definition, policy: Policy) -> Outcome | None:
    """Let a job wait for what it depends on, where that has not succeeded; else return None.

    What nobody is about to run is enqueued ahead of it.
    """
    try:
        if definition.name in awaited() and not runs.is_remembered(job.id, using=policy.using):
            _remember(job, definition, policy)
        if not definition.depends_on:
            return None
        wanted = prerequisites(definition, decode(job.args), decode(job.kwargs))
        missing = [one for one in wanted if not _has_succeeded(one, job, policy)]
        return _block(job, missing, policy) if missing else None
    except UnknownJob as error:  # as if it were the job's own function: a deploy is under way
        return judge(error, job, None, policy)
    except InvalidDependency as error:
        # Another attempt would come to the same.
        logger.error("job.failed %s", fields(job), exc_info=error)
        return Failed(fault_of(error))
    except ClaimLost:
        return Abandoned("it had changed hands before it could wait for what it depends on")
    except JobGone:
        return Snoozed(0.0)  # it has ended meanwhile, and was deleted at once: look again
    except OperationalError as error:
        logger.warning("job.wait_postponed %s error=%s", fields(job), error)
        return Snoozed(LATER)


def _remember(job: Claimed, definition: Definition, policy: Policy) -> None:
    """Let a job be found by its arguments that was inserted by who knew nothing of that."""
    try:
        args, kwargs = definition.remembered(decode(job.args), decode(job.kwargs))
    except Exception:  # they do not fit: the call will say so
        return
    engine.remember(job, encode_args(args), encode_kwargs(kwargs), using=policy.using)


def _has_succeeded(wanted: Prerequisite, job: Claimed, policy: Policy) -> bool:
    return any(
        runs.has_succeeded(
            name,
            wanted.given,
            window=wanted.window,
            waiting=job.id,
            key=wanted.key,
            using=policy.using,
        )
        for name in wanted.definition.known_as
    )


def _coming(wanted: Prerequisite, job: Claimed, policy: Policy) -> int | None:
    for name in wanted.definition.known_as:
        found = runs.coming(name, wanted.given, waiting=job.id, using=policy.using)
        if found is not None:
            return found
    return None


def _block(job: Claimed, missing: list[Prerequisite], policy: Policy) -> Outcome | None:
    with transaction.atomic(using=policy.using):
        waits = []
        new = []
        for wanted in missing:
            coming = _coming(wanted, job, policy)
            if coming is not None:
                waits.append(engine.Wait(job, coming, wanted.key))
            elif not _has_succeeded(wanted, job, policy):  # nor between the two looks
                new.append(wanted)
        if not waits and not new:
            return None
        specs = [wanted.spec(parent=job.id, priority=job.priority) for wanted in new]
        for wanted, row in zip(new, api.enqueue_many(specs, using=policy.using), strict=True):
            waits.append(engine.Wait(job, row.pk, wanted.key if _is_for(row, wanted) else None))
        if engine.block(_one_each(waits), retention=policy.retention, using=policy.using):
            raise ClaimLost
    awaited = tuple(sorted({wait.awaited for wait in waits}))
    logger.info("job.blocked id=%s name=%s awaited=%s", job.id, job.name, list(awaited))
    return Blocked(awaited)


def _is_for(row: Job, wanted: Prerequisite) -> bool:
    """Return whether a job is what was asked for: a key of its own may lead to another one."""
    return row.created or row.unique_key == wanted.key


def _one_each(waits: list[engine.Wait]) -> list[engine.Wait]:
    # Two dependencies may be met by one job.
    return list({wait.awaited: wait for wait in waits}.values())
