"""System checks: what can be known to be wrong before it hurts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import connections

from django_jobs import prerequisites, registry
from django_jobs.capabilities import choose, refuse_atomic, refuse_memory_limit
from django_jobs.conf import options
from django_jobs.definitions import Definition
from django_jobs.engine.sql import write_alias
from django_jobs.exceptions import JobsError
from django_jobs.limits import DEFAULT_UNITS
from django_jobs.middleware import load


@register
def check_settings(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Report what is wrong with the setting DJANGO_JOBS."""
    try:
        options()
    except JobsError as error:
        hint = "docs/settings.md lists every key with its default."
        return [Error(str(error), hint=hint, id="django_jobs.E001")]
    return []


@register
def check_units(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Report the job functions that take more than a host has, by the settings that hold here."""
    try:
        budget = options().units or DEFAULT_UNITS
    except JobsError:
        return []  # check_settings() tells
    return [
        Warning(
            f"{name} takes {limit.units:,} units, more than a host like this one has: such a job "
            f"can never run on it.",
            hint=(
                f"The host has {budget:,} units, and the job takes {limit.units:,}: lower units= "
                f"of @job, or raise DJANGO_JOBS['UNITS'] or runjobs --units where it is to run."
            ),
            id="django_jobs.W001",
        )
        for name, limit in sorted(registry.limits().items())
        if limit.units > budget
    ]


@register
def check_executors(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Report the job functions that ask for what their executor cannot do on this machine."""
    hint = "docs/executors.md says what each executor can do."
    return [
        Error(problem, hint=hint, id="django_jobs.E003")
        for name in registry.names()
        for problem in _problems(registry.resolve(name))
    ]


def _problems(definition: Definition) -> Iterator[str]:
    kind, name = definition.executor, definition.name
    try:
        choose(kind.name, is_coroutine=definition.is_coroutine, function=name)
        if definition.memory_limit is not None:
            refuse_memory_limit(kind, name)
        if definition.atomic:
            refuse_atomic(kind, definition.is_coroutine, name)
    except JobsError as error:
        yield str(error)


@register
def check_dependencies(
    app_configs: Sequence[AppConfig] | None, **kwargs: Any
) -> list[CheckMessage]:
    """Report dependencies on unknown jobs, on what these do not take, and in a circle."""
    hint = "docs/dependencies.md says what depends_on of @job takes."
    ids = {"unknown": "django_jobs.E021", "arguments": "django_jobs.E022"}
    found: list[CheckMessage] = [
        Error(problem, hint=hint, id=ids[kind])
        for name in registry.names()
        for kind, problem in prerequisites.problems(registry.resolve(name))
    ]
    for circle in prerequisites.circles():
        text = f"Jobs depend on each other in a circle: {' → '.join(circle)}."
        hint = "None of them could ever begin: leave out one of these dependencies."
        found.append(Error(text, hint=hint, id="django_jobs.E023"))
    return found


@register
def check_middleware(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Report middleware that cannot be imported."""
    found: list[CheckMessage] = []
    try:
        paths = options().middleware
    except JobsError:
        return found  # check_settings() tells
    for path in paths:
        try:
            load(path)
        except JobsError as error:
            hint = "Each entry is the import path of a factory: see docs/hooks.md."
            found.append(Error(str(error), hint=hint, id="django_jobs.E004"))
    return found


@register(Tags.compatibility)
def check_database(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Report that jobs would be stored in a database that is not PostgreSQL."""
    alias = write_alias(None)
    if connections[alias].vendor == "postgresql":
        return []
    return [
        Error(
            f"Jobs are stored in the database {alias!r}, which is "
            f"{connections[alias].display_name}: django_jobs needs PostgreSQL.",
            hint=(
                "Set its ENGINE to django.db.backends.postgresql, or route the app django_jobs to "
                "a PostgreSQL database by DATABASE_ROUTERS."
            ),
            id="django_jobs.E002",
        )
    ]
