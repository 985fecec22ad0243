"""settle: tell those who wait for a job that it has ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from django.db import transaction

from django_jobs.engine.sql import JOB, among, change, fetch, states
from django_jobs.states import FINISHED

#: Ends that one transaction tells of.
BATCH = 1000

# Whoever makes others wait for a job sets its 'unsettled' in the same transaction, and so holds
# its row: either the end comes later, and finds the mark, or it was before, and is found here by
# the mark. Nobody waits for an end that is never told.
_ENDED = f"""
SELECT id, name, state, worker_id, errors -> -1 FROM {JOB}
WHERE unsettled AND state IN {states(FINISHED)}
ORDER BY id LIMIT %s FOR NO KEY UPDATE SKIP LOCKED
"""  # noqa: S608 - names of tables

_TOLD = f"UPDATE {JOB} AS job SET unsettled = false WHERE {among('unnest(%s::bigint[]) AS id')}"  # noqa: S608


class Ended(NamedTuple):
    """A job that has ended and whose end somebody waits for."""

    id: int
    name: str
    state: str
    worker_id: int | None
    #: Its last error; None where it never failed.
    error: dict[str, Any] | None


def settle(*, retention: Mapping[str, float], using: str, batch: int = BATCH) -> int:
    """Tell of ends that nobody was told of yet; return of how many.

    What waits for them is made ready, or ended too, and then is told of in turn. ``retention`` is
    how many seconds to keep what is ended so, by its state. Safe to run anywhere, at any time: what
    is under way elsewhere is skipped.
    """
    settled = 0
    while count := _settle(retention, batch, using):
        settled += count
    return settled


def settle_after_commit(retention: Mapping[str, float], using: str) -> None:
    """Settle as soon as the ends at hand are committed. Where it fails, a service does it later."""
    transaction.on_commit(lambda: _settle_now(retention, using), using=using, robust=True)


def _settle_now(retention: Mapping[str, float], using: str) -> None:
    settle(retention=retention, using=using)


def _settle(retention: Mapping[str, float], batch: int, using: str) -> int:
    with transaction.atomic(using=using):
        ended = [Ended._make(row) for row in fetch(using, _ENDED, (batch,))]
        if ended:
            _tell(ended, retention, using)
            change(using, _TOLD, ([job.id for job in ended],))
    return len(ended)


def _tell(ended: Sequence[Ended], retention: Mapping[str, float], using: str) -> None:
    """Move what waits for these jobs."""
