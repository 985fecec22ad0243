"""Inside of a test's transaction, the behaviour of a connection that commits each statement."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connections

logger = logging.getLogger("django_jobs")


def depth_of(connection: Any) -> int:
    """Return how many atomic blocks are open."""
    return len(connection.atomic_blocks)


def is_of_block(sql: Any) -> bool:
    """Return whether a statement begins or ends an atomic block, and does nothing else."""
    return str(sql).startswith(("SAVEPOINT", "RELEASE SAVEPOINT", "ROLLBACK TO"))


@contextmanager
def as_autocommit(using: str) -> Iterator[None]:
    """Let a statement that fails undo itself alone, and call what waits for a commit at the end.

    Without a transaction around it nothing is to be done: the connection does it.
    """
    connection: Any = connections[using]
    if not connection.in_atomic_block:
        yield
        return
    base, is_inside = depth_of(connection), False

    def by_itself(execute: Any, sql: Any, params: Any, many: bool, context: Any) -> Any:
        nonlocal is_inside
        if is_inside or depth_of(connection) != base or is_of_block(sql):
            return execute(sql, params, many, context)
        connection.needs_rollback = False
        is_inside = True
        try:
            sid = connection.savepoint()
            try:
                answer = execute(sql, params, many, context)
            except BaseException:
                connection.savepoint_rollback(sid)
                raise
            connection.savepoint_commit(sid)
            return answer
        finally:
            is_inside = False

    waiting = len(connection.run_on_commit)
    with connection.execute_wrapper(by_itself):
        yield
        connection.needs_rollback = False
        _call_back(connection, waiting)
    connection.needs_rollback = False


def _call_back(connection: Any, since: int) -> None:
    while len(connection.run_on_commit) > since:
        _, callback, _ = connection.run_on_commit.pop(since)
        try:
            callback()
        except Exception:  # as after a commit: what is done is done
            logger.exception("job.after_commit_failed callback=%r", callback)
