"""What is wrong with a declaration, found before a migration or somebody's INSERT finds it."""

from __future__ import annotations

from collections.abc import Iterator

from django.core.exceptions import FieldError, ValidationError
from django.db import connections, router
from django.db.models import Model

from django_jobs import registry
from django_jobs.conf import options
from django_jobs.engine.sql import write_alias
from django_jobs.exceptions import JobsError, UnknownQueue
from django_jobs.triggers import declared, making
from django_jobs.triggers.declaration import JobTrigger
from django_jobs.triggers.given import MAX_NAME


def problems(trigger: JobTrigger, model: type[Model]) -> Iterator[str]:
    """Yield what would keep the trigger from being made, or its jobs from running."""
    if model._meta.proxy:
        real = model._meta.concrete_model
        yield f"{model._meta.label} has no table: put the trigger on {real and real._meta.label}."
        return
    if len(trigger.name.encode()) > MAX_NAME:
        yield f"the name has more than {MAX_NAME} bytes, all that PostgreSQL has room for."
    yield from _of_its_statement(trigger, model)
    yield from _of_its_job(trigger)


def _of_its_statement(trigger: JobTrigger, model: type[Model]) -> Iterator[str]:
    connection = connections[write_alias(None)]
    if connection.vendor != "postgresql":
        return  # check_database() tells
    for event in trigger.on:
        try:
            making.arguments(trigger, model, event, connection)
        except (JobsError, FieldError, ValidationError, TypeError, ValueError) as error:
            yield str(error)
            return


def _of_its_job(trigger: JobTrigger) -> Iterator[str]:
    try:
        definition = registry.resolve(trigger.job)
    except JobsError as error:
        yield str(error)
        return
    named = {**declared.kwargs(trigger), **(trigger.kwargs or {})}
    try:
        definition.check_call(() if trigger.kwargs is not None else (None,), named)
    except TypeError as error:
        yield str(error)
    queue = trigger.queue or definition.queue
    if options().strict_queues and queue not in options().queues:
        yield str(UnknownQueue(queue, options().queues))


def misplaced(model: type[Model]) -> str | None:
    """Return why no trigger on this model can make jobs: its table is in another database."""
    here, there = router.db_for_write(model), write_alias(None)
    if here == there:
        return None
    return (
        f"{model._meta.label} is written to the database {here!r} and jobs to {there!r}: a "
        f"trigger makes jobs in its own database only."
    )


def key_is_lost(trigger: JobTrigger) -> bool:
    """Return whether the job's unique key is made by a function, which no trigger can call."""
    definition = registry.find(trigger.job)
    return definition is not None and callable(definition.unique_key) and not trigger.unique_key
