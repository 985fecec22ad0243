"""settle: blocked → ready, scheduled, failed or cancelled: tell who waits that a job has ended."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence

from django.db import connections, transaction

from django_jobs.engine.ends import Ended
from django_jobs.engine.links import fail_forlorn, tell_links
from django_jobs.engine.sql import JOB, among, change, fetch, states
from django_jobs.engine.steps import settle_steps
from django_jobs.states import FINISHED

#: Ends that one transaction tells of.
BATCH = 1000
#: Seconds between looks for those that somebody else held: another one who settles, mostly, and so
#: for a moment. After the last of them the service goes on with it.
PAUSES = (0.002, 0.005, 0.01, 0.02)

# Whoever makes others wait for a job sets its 'unsettled' in the same transaction, and so holds
# its row: either the end comes later, and finds the mark, or it was before, and is found here by
# the mark. Nobody waits for an end that is never told.
_ENDED = f"""
SELECT id, name, state, worker_id, step_id, errors -> -1 FROM {JOB}
WHERE unsettled AND state IN {states(FINISHED)} AND id > %s
ORDER BY id LIMIT %s FOR NO KEY UPDATE SKIP LOCKED
"""  # noqa: S608 - names of tables

# Statistics from when thousands waited for one job make the planner believe that each job is
# awaited by so many, and read all links for any batch. All that follows has its index.
_BY_INDEX = "SELECT set_config('enable_seqscan', 'off', true)"

# A settlement that a crash of the server takes back is made again, and whatever was built on it is
# behind it in the log, and taken back too: so nobody waits for the disk.
_NEED_NOT_LAST = ", set_config('synchronous_commit', 'off', true)"

_UNTOLD = f"SELECT EXISTS (SELECT 1 FROM {JOB} WHERE unsettled AND state IN {states(FINISHED)})"  # noqa: S608

_TOLD = f"UPDATE {JOB} AS job SET unsettled = false WHERE {among('unnest(%s::bigint[]) AS id')}"  # noqa: S608


def settle(*, retention: Mapping[str, float], using: str, batch: int = BATCH) -> int:
    """Tell of ends that nobody was told of yet; return of how many, or what comes to that.

    What waits for them is made ready, or ended too, and then is told of in turn. ``retention`` is
    how many seconds to keep what is ended so, by its state. Safe to run anywhere, at any time: what
    is under way elsewhere is skipped.
    """
    settled = fail_forlorn(retention, batch, using)
    pauses = iter(PAUSES)
    while True:
        told, held = _look_through(retention, batch, using)
        settled += told
        if told:
            pauses = iter(PAUSES)
        elif not held or (pause := next(pauses, None)) is None:
            return settled
        else:
            time.sleep(pause)


def is_settled(*, using: str) -> bool:
    """Return whether nobody waits for an end that has happened, or is being told just now."""
    ((is_untold,),) = fetch(using, _UNTOLD)
    return not is_untold


def settle_after_commit(retention: Mapping[str, float], using: str) -> None:
    """Settle as soon as the ends at hand are committed. Where it fails, a service does it later."""
    transaction.on_commit(lambda: _settle_now(retention, using), using=using, robust=True)


def _settle_now(retention: Mapping[str, float], using: str) -> None:
    settle(retention=retention, using=using)


def _look_through(retention: Mapping[str, float], batch: int, using: str) -> tuple[int, int]:
    """Look at all that is unsettled, once; return how many were told of, and how many not yet."""
    told = held = last = 0
    is_own = not connections[using].in_atomic_block
    while True:
        with transaction.atomic(using=using):
            ended = [Ended.of(row) for row in fetch(using, _ENDED, (last, batch))]
            if ended:
                fetch(using, _BY_INDEX + _NEED_NOT_LAST * is_own)
                again, busy = _tell(ended, retention, using)
                done = [job.id for job in ended if job.id not in again and job.step_id not in busy]
                change(using, _TOLD, (done,))
                told += len(done)
                held += len(again)
                last = ended[-1].id
        if len(ended) < batch:
            return told, held


def _tell(
    ended: Sequence[Ended], retention: Mapping[str, float], using: str
) -> tuple[Collection[int], Collection[int]]:
    """Move what waits for these jobs; return those whose end is to be told again in a moment, and
    the steps of workflows that somebody else has in hand.
    """
    busy = settle_steps(ended, retention, using)
    return tell_links(ended, retention, using), busy
