"""Several statements in one round trip, and a transaction that costs none of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from django.db import Error, connections

from django_jobs.engine.sql import Params

Statement = tuple[str, Params]

#: Between two statements of one trip: also where tests take them apart.
SEPARATOR = ";\n"
_SAVEPOINT = "django_jobs_trip"


class Trips:
    """Sends statements to one database, as many at a time as it is given.

    A message of several statements needs a driver that puts the values into the text, as Django's
    does unless ``server_side_binding`` is on; then they are sent one by one.
    """

    def __init__(self, using: str) -> None:
        self._connection = connections[using]

    def send(self, *statements: Statement) -> list[list[Any]]:
        """Run statements in turn, each of which sees what the one before it did; return the rows
        that each has answered.
        """
        if getattr(self._connection.features, "uses_server_side_binding", False):
            return [rows for one in statements for rows in self._run(*one)]
        params = [value for _, given in statements for value in given]
        return self._run(SEPARATOR.join(sql for sql, _ in statements), params)

    def _run(self, sql: str, params: Params) -> list[list[Any]]:
        with self._connection.cursor() as cursor:
            cursor.execute(sql, params or None)
            answers = []
            while True:
                answers.append(cursor.fetchall() if cursor.description else [])
                if not cursor.nextset():
                    return answers

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Give a transaction that begins with the first trip and ends with the last one.

        What is not closed at the end of the block is rolled back.
        """
        transaction = Transaction(self, self._connection.in_atomic_block)
        try:
            yield transaction
        finally:
            transaction.abandon()


class Transaction:
    """A transaction under way; inside another one, a savepoint."""

    def __init__(self, trips: Trips, is_inner: bool) -> None:
        self._trips = trips
        self._is_open = False
        self._begin, self._commit, self._rollback = (
            (
                f"SAVEPOINT {_SAVEPOINT}",
                f"RELEASE SAVEPOINT {_SAVEPOINT}",
                f"ROLLBACK TO SAVEPOINT {_SAVEPOINT}; RELEASE SAVEPOINT {_SAVEPOINT}",
            )
            if is_inner
            else ("BEGIN", "COMMIT", "ROLLBACK")
        )

    def send(self, *statements: Statement) -> list[list[Any]]:
        """Run statements, and leave the transaction open."""
        first = () if self._is_open else ((self._begin, ()),)
        self._is_open = True
        return self._trips.send(*first, *statements)[len(first) :]

    def close(self, *statements: Statement) -> list[list[Any]]:
        """Run statements, and commit."""
        answers = self._trips.send(*statements, (self._commit, ()))
        self._is_open = False
        return answers[:-1]

    def abandon(self) -> None:
        """Roll back what is open; a connection in ruins does so by itself."""
        if self._is_open:
            self._is_open = False
            with suppress(Error):
                for statement in self._rollback.split("; "):
                    self._trips.send((statement, ()))
