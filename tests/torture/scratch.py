"""The database that the torture works in: made for one run, and dropped at its end."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import unquote, urlsplit, urlunsplit

import psycopg
from psycopg.sql import SQL, Identifier


@contextmanager
def scratch() -> Iterator[None]:
    """Make a database beside that of DATABASE_URL, which all processes then use."""
    url = os.environ["DATABASE_URL"]
    parts = urlsplit(url)
    name = f"{unquote(parts.path.lstrip('/'))}_torture_{os.getpid()}"
    with psycopg.connect(url, autocommit=True) as server:
        server.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
        try:
            os.environ["DATABASE_URL"] = urlunsplit(parts._replace(path=f"/{name}"))
            _migrate()
            yield
        finally:
            os.environ["DATABASE_URL"] = url
            server.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))


def empty() -> None:
    """Leave nothing of what was run before."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "TRUNCATE django_jobs_job, django_jobs_worker, ledger_effect RESTART IDENTITY"
        )


def _migrate() -> None:
    # Not before DATABASE_URL names the scratch database: the settings read it once.
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)
