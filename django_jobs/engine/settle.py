"""settle: tell those who wait for a job that it has ended."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from django.db import connections, transaction

from django_jobs.engine.ended import Ended
from django_jobs.engine.sql import JOB, among, change, fetch, states
from django_jobs.engine.steps import settle_steps
from django_jobs.states import FINISHED

#: Ends that one transaction tells of.
BATCH = 1000

# Whoever makes others wait for a job sets its 'unsettled' in the same transaction, and so holds
# its row: either the end comes later, and finds the mark, or it was before, and is found here by
# the mark. Nobody waits for an end that is never told.
_ENDED = f"""
SELECT id, name, state, worker_id, errors -> -1, step_id FROM {JOB}
WHERE unsettled AND state IN {states(FINISHED)}
    AND (step_id IS NULL OR step_id <> ALL(%s::bigint[]))
ORDER BY id LIMIT %s FOR NO KEY UPDATE SKIP LOCKED
"""  # noqa: S608 - names of tables

# A settlement that a crash of the server takes back is made again, and whatever was built on it is
# behind it in the log, and taken back too: so nobody waits for the disk.
_NEED_NOT_LAST = "SET LOCAL synchronous_commit = off"

_UNTOLD = f"SELECT EXISTS (SELECT 1 FROM {JOB} WHERE unsettled AND state IN {states(FINISHED)})"  # noqa: S608

_TOLD = f"UPDATE {JOB} AS job SET unsettled = false WHERE {among('unnest(%s::bigint[]) AS id')}"  # noqa: S608


def settle(*, retention: Mapping[str, float], using: str, batch: int = BATCH) -> int:
    """Tell of ends that nobody was told of yet; return of how many.

    What waits for them is made ready, or ended too, and then is told of in turn. ``retention`` is
    how many seconds to keep what is ended so, by its state. Safe to run anywhere, at any time: what
    is under way elsewhere is skipped.
    """
    settled = 0
    busy: list[int] = []
    while count := _settle(retention, batch, busy, using):
        settled += count
    return settled


def is_settled(*, using: str) -> bool:
    """Return whether nobody waits for an end that has happened, or is being told just now."""
    ((is_untold,),) = fetch(using, _UNTOLD)
    return not is_untold


def settle_after_commit(retention: Mapping[str, float], using: str) -> None:
    """Settle as soon as the ends at hand are committed. Where it fails, a service does it later."""
    transaction.on_commit(lambda: _settle_now(retention, using), using=using, robust=True)


def _settle_now(retention: Mapping[str, float], using: str) -> None:
    settle(retention=retention, using=using)


def _settle(retention: Mapping[str, float], batch: int, busy: list[int], using: str) -> int:
    """Settle one batch. Steps of workflows that are under way elsewhere are added to ``busy``."""
    is_own = not connections[using].in_atomic_block
    with transaction.atomic(using=using):
        if is_own:
            change(using, _NEED_NOT_LAST)
        ended = [Ended._make(row) for row in fetch(using, _ENDED, (busy, batch))]
        if ended:
            busy += _tell(ended, retention, using)
            told = [job.id for job in ended if job.step_id not in busy]
            change(using, _TOLD, (told,))
    return len(ended)


def _tell(ended: Sequence[Ended], retention: Mapping[str, float], using: str) -> Collection[int]:
    """Move what waits for these jobs; return the steps whose jobs are told of by somebody else."""
    return settle_steps(ended, retention, using)
