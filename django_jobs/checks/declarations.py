"""Checks of what settings and code declare."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.apps import AppConfig, apps
from django.core import mail
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db.models import Model
from django.utils.module_loading import import_string

from django_jobs import catalogue, prerequisites, registry
from django_jobs.capabilities import choose, refuse_atomic, refuse_memory_limit
from django_jobs.checks.settings import needs_settings
from django_jobs.conf import is_debug, options
from django_jobs.definitions import Definition
from django_jobs.exceptions import JobsError, UnknownQueue
from django_jobs.limits import DEFAULT_UNITS
from django_jobs.middleware import load
from django_jobs.scheduling import Declaration, declared
from django_jobs.triggers import JobTrigger, problems


@register
@needs_settings
def check_admin(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Report that the function which says what a user may see in the admin is not to be had."""
    try:
        path = options().admin_visible_jobs
        if path and not callable(import_string(path)):
            raise TypeError(f"{path} is no function.")
    except (ImportError, TypeError) as error:
        hint = "It is a function of a request and a queryset of jobs: see docs/admin.md."
        text = f"DJANGO_JOBS['ADMIN_VISIBLE_JOBS']: {error}"
        return [Error(text, hint=hint, id="django_jobs.E006")]
    return []


@register
@needs_settings
def check_immediate(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Report that jobs run where they are enqueued, outside of tests and of development."""
    # The test runners of Django and of pytest-django give mails an outbox.
    if not options().immediate or is_debug() or hasattr(mail, "outbox"):
        return []
    return [
        Warning(
            "DJANGO_JOBS['IMMEDIATE'] is on: jobs run in the process that enqueues them.",
            hint="It is for tests: requests wait for the jobs, and no worker limits these.",
            id="django_jobs.W003",
        )
    ]


@register
@needs_settings
def check_units(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Report the job functions that take more than a host has, by the settings that hold here."""
    budget = options().units or DEFAULT_UNITS
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
@needs_settings
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
@needs_settings
def check_write_all(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Report the job functions whose ``write_all`` names what lists no values after all."""
    hint = "Import at run time what its annotation names: docs/tasks.md says what lists values."
    problems = (one.write_all_problem(is_final=True) for one in catalogue.registered())
    return [Error(problem, hint=hint, id="django_jobs.E005") for problem in problems if problem]


@register
@needs_settings
def check_task_keys(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Report job functions that SQL cannot tell apart by their keys, where somebody gave some."""
    return [
        _clash(keys, those)
        for keys, those in catalogue.clashes().items()
        if any(one.type_key != one.module_key for one in those)
    ]


@register(deploy=True)
@needs_settings
def check_all_task_keys(
    app_configs: Sequence[AppConfig] | None, **kwargs: Any
) -> list[CheckMessage]:
    """Report the other ones: of no matter to a project that does not use these keys."""
    return [
        _clash(keys, those)
        for keys, those in catalogue.clashes().items()
        if all(one.type_key == one.module_key for one in those)
    ]


def _clash(keys: tuple[str, str], those: list[Definition]) -> CheckMessage:
    first = those[0].name
    return Warning(
        f"The keys ({', '.join(keys)}) belong to {len(those)} job functions: "
        f"{', '.join(one.name for one in those)}.",
        hint=(
            f"django_jobs_insert_job refuses them. Give one of them another key: "
            f"@job(type_key=…); or call django_jobs_enqueue('{first}', …), and silence this."
        ),
        id="django_jobs.W002",
    )


@register
@needs_settings
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
@needs_settings
def check_middleware(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Report middleware that cannot be imported."""
    found: list[CheckMessage] = []
    for path in options().middleware:
        try:
            load(path)
        except JobsError as error:
            hint = "Each entry is the import path of a factory: see docs/hooks.md."
            found.append(Error(str(error), hint=hint, id="django_jobs.E004"))
    return found


@register
@needs_settings
def check_schedules(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Report declared schedules whose jobs could not be made."""
    return [
        Error(
            f"The schedule {name!r}: {problem}",
            hint="Correct what its @cron says, or the function: see docs/schedules.md.",
            id="django_jobs.E020",
        )
        for name, declaration in sorted(declared().items())
        for problem in _problems_of(declaration)
    ]


def _problems_of(declaration: Declaration) -> Iterator[str]:
    try:
        declaration.spec().prepare()
        if options().strict_queues and declaration.queue not in {None, *options().queues}:
            raise UnknownQueue(str(declaration.queue), options().queues)
    except (JobsError, TypeError) as error:
        yield str(error)


@register(Tags.models)
@needs_settings
def check_triggers(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Report the triggers in Meta.constraints that could not be made, or whose jobs not run."""
    hint = "docs/triggers.md says what a JobTrigger takes."
    found: list[CheckMessage] = []
    for model, trigger in _declared_triggers():
        for problem in problems.problems(trigger, model):
            text = f"JobTrigger {trigger.name}: {problem}"
            found.append(Error(text, hint=hint, obj=model, id="django_jobs.E061"))
        if misplaced := problems.misplaced(model):
            hint = "Route them to one database, or enqueue by enqueue_on or by hand."
            found.append(Error(misplaced, hint=hint, obj=model, id="django_jobs.E062"))
        if problems.key_is_lost(trigger):
            found.append(
                Warning(
                    f"JobTrigger {trigger.name}: the unique key of {trigger.job} is made by a "
                    f"function, which the database cannot call: these jobs have none.",
                    hint="Give the trigger a unique_key, such as 'order-{id}'.",
                    obj=model,
                    id="django_jobs.W061",
                )
            )
    return found


def _declared_triggers() -> Iterator[tuple[type[Model], JobTrigger]]:
    for model in apps.get_models(include_auto_created=True):
        for constraint in model._meta.constraints:
            if isinstance(constraint, JobTrigger):
                yield model, constraint
