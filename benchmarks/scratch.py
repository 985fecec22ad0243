"""The database that the benchmarks work in: made for one run and dropped at its end."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from urllib.parse import unquote, urlsplit, urlunsplit

import psycopg
from psycopg.sql import SQL, Identifier

#: The job that does nothing, by the name that its rows carry.
NOTHING = "testproject.ledger.jobs.nothing"


_EMPTY = (
    "TRUNCATE django_jobs_job, django_jobs_worker, django_jobs_workflow, django_jobs_step, "
    "django_jobs_edge RESTART IDENTITY"
)


class WorkNotDone(Exception):
    """A benchmark did not do all that it was timed for, so its figure means nothing."""


class Scratch:
    """The scratch database, with the library's own tables in it."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection

    def clear(self) -> None:
        """Leave the table of jobs as new, and let the server finish what it owes for it."""
        self._connection.execute(_EMPTY)
        self.settle()

    def refill(self, jobs: int, name: str = NOTHING, **columns: str) -> None:
        """Leave so many ready jobs of one function, by default nothing's, and nothing else."""
        self._connection.execute(_EMPTY)
        self.add(jobs, name, **columns)
        self.settle()

    def add(
        self,
        jobs: int,
        name: str = NOTHING,
        *,
        lane: str = "",
        key: str = "''",
        kwargs: str = "'{}'",
    ) -> None:
        """Insert ready jobs; ``key`` and ``kwargs`` are SQL, in which ``n`` is a job's number."""
        insert = f"""
        INSERT INTO django_jobs_job (queue, name, lane, concurrency_key, kwargs)
        SELECT 'default', %s, %s, {key}, ({kwargs})::jsonb FROM generate_series(1, %s::int) AS n
        """  # noqa: S608 - made of what the benchmarks say
        self._connection.execute(insert.encode(), (name, lane, jobs))

    def workers(self) -> int:
        """Return how many workers are registered."""
        return int(self.value("SELECT count(*) FROM django_jobs_worker"))

    def column(self, query: str, *params: object) -> list[float]:
        """Return the numbers that a query answers."""
        return [value for (value,) in self._connection.execute(query.encode(), params)]

    def schedule(self, expressions: Sequence[str]) -> None:
        """Leave one schedule in UTC for each expression, and nothing else scheduled."""
        self._connection.execute("TRUNCATE django_jobs_schedule")
        self._connection.execute(
            "INSERT INTO django_jobs_schedule (name, function, cron, timezone) "
            "SELECT cron || n, %s, cron, 'UTC' "
            "FROM unnest(%s::text[]) WITH ORDINALITY AS given (cron, n)",
            (NOTHING, list(expressions)),
        )

    def count(self, state: str) -> int:
        """Return how many jobs are in a state."""
        return int(self.value("SELECT count(*) FROM django_jobs_job WHERE state = %s", state))

    def value(self, query: str, *params: object) -> float:
        """Return the one number that a query answers."""
        row = self._connection.execute(query.encode(), params).fetchone()
        assert row is not None
        return float(row[0])

    def expect(self, jobs: int, state: str, after: str) -> None:
        """Raise WorkNotDone unless there are exactly so many jobs, all in this state."""
        found, total = self.count(state), self.value("SELECT count(*) FROM django_jobs_job")
        if not found == total == jobs:
            raise WorkNotDone(f"after {after}: {found} of {total:.0f} are {state}, not {jobs}")

    def pickups(self, after: int) -> list[float]:
        """Return how many ms each job above an id waited to start, by the database's clock."""
        rows = self._connection.execute(
            "SELECT extract(epoch FROM started_at - enqueued_at)::float8 * 1000 "
            "FROM django_jobs_job WHERE id > %s AND state = 'succeeded'",
            (after,),
        )
        return [waited for (waited,) in rows]

    def settle(self) -> None:
        """Let the server finish what it owes for the rows of the table of jobs."""
        self._connection.execute("VACUUM (ANALYZE) django_jobs_job")
        # Or the checkpoint for one side's rows falls into the other side's time.
        with suppress(psycopg.errors.InsufficientPrivilege):
            self._connection.execute("CHECKPOINT")


@contextmanager
def scratch() -> Iterator[Scratch]:
    """Make the database of the benchmarks, and give it."""
    with (
        scratch_database("bench", "django_jobs") as url,
        psycopg.connect(url, autocommit=True) as connection,
    ):
        yield Scratch(connection)


@contextmanager
def scratch_database(purpose: str, app: str = "") -> Iterator[str]:
    """Make a database beside that of DATABASE_URL, which all processes then use; give its URL.

    It has the tables of ``app``, or of all apps, and is dropped at the end.
    """
    url = os.environ["DATABASE_URL"]
    parts = urlsplit(url)
    name = f"{unquote(parts.path.lstrip('/'))}_{purpose}_{os.getpid()}"
    with psycopg.connect(url, autocommit=True) as server:
        server.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
        try:
            os.environ["DATABASE_URL"] = own = urlunsplit(parts._replace(path=f"/{name}"))
            print(f"database: {name}", file=sys.stderr, flush=True)
            _migrate(app)
            yield own
        finally:
            os.environ["DATABASE_URL"] = url
            server.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))


def _migrate(app: str) -> None:
    # Not before DATABASE_URL names the scratch database: the settings read it once.
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", *filter(None, [app]), verbosity=0)
