"""What running jobs hold of their limits, and the locks behind which it is counted.

Nothing is kept but the running rows themselves: so nothing can leak, and the permits of a dead
worker are free again as soon as its jobs are rescued.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import OperationalError, transaction
from psycopg.errors import LockNotAvailable

from django_jobs.engine.sql import JOB, WORKER, fetch
from django_jobs.limits import Allowance, Limit, Taken

#: Seconds to wait for others that claim from the same lane, or on the same host.
PATIENCE = 0.5
#: Seconds after which the server ends a claim whose worker was stopped in the middle of it: all
#: others wait for its locks.
LONGEST_CLAIM = 5

#: The condition that ``job``, which is running, runs on the host ``%(host)s``.
HERE = f"job.worker_id = ANY(ARRAY(SELECT id FROM {WORKER} WHERE hostname = %(host)s))"  # noqa: S608

#: The units of what runs on the host ``%(host)s``.
UNITS_HERE = f"""(
    SELECT coalesce(sum(units), 0) FROM {JOB} AS job WHERE state = 'running' AND {HERE}
)"""  # noqa: S608 - names of tables

_IN_LANE = f"SELECT count(*) FROM {JOB} AS job WHERE state = 'running' AND lane <> '' AND lane ="  # noqa: S608
_RUNNING = f"({_IN_LANE} %(lane)s)"
_RUNNING_HERE = f"({_IN_LANE} %(lane)s AND {HERE})"

# Both settings end with the transaction, and come before the locks: they are for these.
_SET = f"""
SELECT set_config('lock_timeout', '{PATIENCE}s', true),
    set_config('idle_in_transaction_session_timeout', '{LONGEST_CLAIM}s', true)
"""
_LOCK = ", pg_advisory_xact_lock(hashtextextended(%s, 0))"


class Contended(Exception):
    """Others have held the locks for longer than it is worth to wait."""


def needs_lock(lane: str, allowance: Allowance) -> bool:
    """Return whether permits of a lane have to be counted behind a lock."""
    return allowance.budget is not None or allowance.limits.get(lane, Limit()).counts


@contextmanager
def locked(lane: str, allowance: Allowance, *, using: str) -> Iterator[Taken]:
    """Keep all others from claiming what competes with a lane, and tell what is taken.

    Raise Contended where others keep us waiting.
    """
    try:
        with transaction.atomic(using=using):
            names = _locks(lane, allowance)
            fetch(using, _SET + _LOCK * len(names), names)
            # A new statement: it sees what the last holder of the locks has committed.
            yield taken(lane, allowance, using=using)
    except OperationalError as error:
        if isinstance(error.__cause__, LockNotAvailable):
            raise Contended from error
        raise


def _locks(lane: str, allowance: Allowance) -> list[str]:
    # The host before the lane, everywhere: so nobody waits in a circle.
    names = []
    limit = allowance.limits.get(lane, Limit())
    if allowance.budget is not None or limit.max_running_per_host is not None:
        names.append(f"django_jobs host {allowance.host}")
    if limit.max_running is not None:
        names.append(f"django_jobs lane {lane}")
    return names


def taken(lane: str, allowance: Allowance, *, using: str) -> Taken:
    """Return what running jobs hold of the limits that ``allowance`` knows for a lane."""
    limit = allowance.limits.get(lane, Limit())
    running = _RUNNING if limit.max_running is not None else 0
    here = _RUNNING_HERE if limit.max_running_per_host is not None else 0
    units = UNITS_HERE if allowance.budget is not None else 0
    sql = f"SELECT {running} AS in_lane, {here} AS of_them_here, {units} AS units_here"
    return Taken(*fetch(using, sql, {"lane": lane, "host": allowance.host})[0])
