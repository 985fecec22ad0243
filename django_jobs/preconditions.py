"""What must hold before a worker starts."""

from __future__ import annotations

import time
from collections.abc import Callable

from django.core.management.base import CommandError
from django.db import connections
from django.db.migrations.executor import MigrationExecutor
from django.db.utils import Error

from django_jobs import engine
from django_jobs.conf import options
from django_jobs.engine.sql import write_alias
from django_jobs.exceptions import JobsError
from django_jobs.rights import missing_grants
from django_jobs.scheduling import declared

#: Seconds between two looks for migrations that are pending.
LOOK = 1.0


def database(alias: str | None) -> str:
    """Return the database that holds the jobs, or raise CommandError."""
    if alias is not None and alias not in connections:
        raise CommandError(
            f"There is no database {alias!r} in DATABASES; there are: {', '.join(connections)}."
        )
    return write_alias(alias)


def refuse_what_cannot_work(using: str) -> None:
    """Raise CommandError if the settings are wrong, or the database is not ready for workers."""
    _refuse_settings(using)
    try:
        pending = _pending_migrations(using)
        grants = [] if pending else missing_grants(using=using)
    except Error as error:
        raise CommandError(f"The database {using!r} cannot be reached: {error}") from error
    finally:
        connections[using].close()
    if grants:
        raise CommandError(
            "\n".join(["The user of the database lacks rights that a worker needs:", *grants])
        )
    if pending:
        raise CommandError(
            f"The tables of django_jobs are not up to date ({', '.join(pending)} not applied): "
            f"run manage.py migrate{'' if using == 'default' else f' --database {using}'} first, "
            f"or add --wait-for-migrations."
        )


def wait_for_migrations(using: str, seconds: float, tell: Callable[[str], None]) -> None:
    """Return once no migration of ours is pending, or when ``seconds`` are over.

    ``tell`` is told what is waited for, whenever that changes.
    """
    _refuse_settings(using)
    end, told = time.monotonic() + seconds, ""
    while True:
        waits_for = _obstacle(using)
        left = end - time.monotonic()
        if not waits_for or left <= 0:
            return
        if waits_for != told:
            tell(f"Waiting: {waits_for}")
            told = waits_for
        time.sleep(min(LOOK, left))


def _obstacle(using: str) -> str:
    try:
        pending = _pending_migrations(using)
    except Error as error:
        return f"the database {using!r} cannot be reached: {error}"
    finally:
        connections[using].close()
    return f"{', '.join(pending)} not applied" if pending else ""


def _refuse_settings(using: str) -> None:
    try:
        options()
    except JobsError as error:
        raise CommandError(str(error)) from error
    connection = connections[using]
    if connection.vendor != "postgresql":
        raise CommandError(
            f"The database {using!r} is {connection.display_name}, and django_jobs needs "
            f"PostgreSQL: point its ENGINE at django.db.backends.postgresql, or name another "
            f"database by --database or a router."
        )


def declare_schedules(using: str) -> None:
    """Write the schedules of this code down: of all code that runs, the last to start counts."""
    engine.declare(declared(), using=using)
    connections[using].close()


def _pending_migrations(using: str) -> list[str]:
    executor = MigrationExecutor(connections[using])
    targets = [node for node in executor.loader.graph.leaf_nodes() if node[0] == "django_jobs"]
    return [migration.name for migration, _ in executor.migration_plan(targets)]
