"""Checks of the database that jobs are in: its settings, and with --database what is in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.apps import AppConfig, apps
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import connections, router
from django.db.utils import DatabaseError
from psycopg import IsolationLevel

from django_jobs import argumentindex, calls, registry
from django_jobs.checks.settings import needs_settings
from django_jobs.conf import options
from django_jobs.engine.sql import write_alias
from django_jobs.exceptions import JobsError, UnknownJob

#: Connections of a worker beside those of its jobs: claims, heartbeats, services, the listener.
OWN_CONNECTIONS = 4
#: Models that are named.
EXAMPLES = 3


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


@register(Tags.compatibility)
def check_connection(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Report settings of the jobs' database that workers cannot work with, or not well."""
    alias = write_alias(None)
    if connections[alias].vendor != "postgresql":
        return []  # check_database() tells
    settings = connections[alias].settings_dict
    return [*_transactions(alias, settings), *_pool(alias, settings), *_proxy(alias, settings)]


def _transactions(alias: str, settings: Mapping[str, Any]) -> Iterator[CheckMessage]:
    if not settings["AUTOCOMMIT"]:
        yield Error(
            f"The database {alias!r} has AUTOCOMMIT off: what workers claim and record would never "
            "be committed.",
            hint="Leave AUTOCOMMIT on, and use transaction.atomic() where you want transactions.",
            id="django_jobs.E010",
        )
    level = settings["OPTIONS"].get("isolation_level")
    if level in (IsolationLevel.REPEATABLE_READ, IsolationLevel.SERIALIZABLE):
        yield Warning(
            f"The database {alias!r} has the isolation level {IsolationLevel(level).name}: workers "
            "that claim at the same time make each other try again.",
            hint="Leave READ COMMITTED to the jobs' database: see docs/databases.md.",
            id="django_jobs.W014",
        )


def _pool(alias: str, settings: Mapping[str, Any]) -> Iterator[CheckMessage]:
    pool = settings["OPTIONS"].get("pool")
    if not pool:
        return
    if settings["CONN_MAX_AGE"] != 0:
        yield Error(
            f"The database {alias!r} has both a pool and CONN_MAX_AGE, which Django refuses at the "
            "first connection.",
            hint="Leave CONN_MAX_AGE out, or set it to 0: the pool keeps connections.",
            id="django_jobs.E011",
        )
    try:
        needed = options().concurrency + OWN_CONNECTIONS
    except JobsError:
        return  # check_settings() tells
    given = pool if isinstance(pool, Mapping) else {}
    size = given.get("max_size") or given.get("min_size", 4)  # as psycopg's pool has it
    if size < needed:
        yield Warning(
            f"The pool of the database {alias!r} holds {size} connections, and a worker of "
            f"{options().concurrency} places may want {needed}: jobs would wait for each other.",
            hint=f"Set max_size of the pool to {needed} or more, or lower CONCURRENCY.",
            id="django_jobs.W011",
        )


def _proxy(alias: str, settings: Mapping[str, Any]) -> Iterator[CheckMessage]:
    try:
        listens = options().listen
    except JobsError:
        return  # check_settings() tells
    if settings.get("DISABLE_SERVER_SIDE_CURSORS") and listens:
        yield Warning(
            f"The database {alias!r} seems to be behind a proxy that pools transactions "
            "(DISABLE_SERVER_SIDE_CURSORS is on), through which nothing wakes workers.",
            hint="Set DJANGO_JOBS['LISTEN'] to False: workers poll then. See docs/databases.md.",
            id="django_jobs.W012",
        )


@register
def check_aliases(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Report that jobs are in another database than all models that the project writes to."""
    alias = write_alias(None)
    elsewhere, here = [], False
    for model in apps.get_models():
        label = model._meta.app_label
        if label == "django_jobs" or not model._meta.managed:
            continue
        if router.db_for_write(model) == alias:
            here = True
        else:
            elsewhere.append(model._meta.label)
    if here or not elsewhere:
        return []
    named = ", ".join(elsewhere[:EXAMPLES]) + (", …" if len(elsewhere) > EXAMPLES else "")
    return [
        Warning(
            f"Jobs are in the database {alias!r}, and no other model is ({named}): a job is not "
            "committed together with what it is about.",
            hint=(
                "Enqueue in transaction.on_commit() of the other database, and let jobs be found "
                "again that a crash in between loses: docs/databases.md says how. If you know, "
                "silence this."
            ),
            id="django_jobs.W010",
        )
    ]


@register(Tags.database)
def check_rows(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Report schedules in the database that name functions which nobody knows."""
    found: list[CheckMessage] = []
    for alias in databases or ():
        if alias != write_alias(None):
            continue
        try:
            schedules = list(calls.schedules(using=alias))
        except DatabaseError:
            continue  # before the first migrate there is nothing to look at
        for schedule in schedules:
            try:
                registry.resolve(schedule.function)
            except UnknownJob as error:
                text = f"The schedule {schedule.name!r} cannot run: {error}"
                hint = "Correct it in the admin, or disable it: manage.py jobs schedules --disable."
                found.append(Warning(text, hint=hint, id="django_jobs.W030"))
    return found


@register(Tags.database)
@needs_settings
def check_argument_index(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Report that jobs are searched by their arguments without an index of these."""
    alias = write_alias(None)
    try:
        if not options().admin_search_arguments or alias not in (databases or ()):
            return []
        if argumentindex.exists(alias):
            return []
    except DatabaseError:
        return []  # the table is not there yet
    return [
        Warning(
            "DJANGO_JOBS['ADMIN_SEARCH_ARGUMENTS'] is on, and no index knows the arguments.",
            hint=(
                "Run manage.py jobs index-arguments. Without it the admin looks through the newest "
                "jobs alone."
            ),
            id="django_jobs.W004",
        )
    ]
