"""The locks behind which permits are counted and taken."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django_jobs.engine.heads import Head
from django_jobs.engine.trips import Statement
from django_jobs.limits import Allowance

#: Seconds to wait for others that claim from the same lane, or on the same host.
PATIENCE = 0.5
#: Seconds after which the server ends a claim whose worker was stopped in the middle of it: all
#: others wait for its locks.
LONGEST_CLAIM = 5

# Both settings end with the transaction, and come before the locks: they are for these.
_SET = f"""
SELECT set_config('lock_timeout', '{PATIENCE}s', true),
    set_config('idle_in_transaction_session_timeout', '{LONGEST_CLAIM}s', true)
"""
_LOCK = ", pg_advisory_xact_lock(hashtextextended(%s, 0))"


def locks(heads: Iterable[Head], allowance: Allowance) -> list[str]:
    """Return the names of the locks under which these heads' permits are counted.

    The host's first, then those of lanes and queues in ascending order: nobody waits in a circle.
    """
    host = False
    names = set()
    for head in heads:
        limit, policy = allowance.limit(head.lane), allowance.policy(head.queue)
        host = host or allowance.budget is not None or limit.max_running_per_host is not None
        if limit.max_running is not None or limit.per_key is not None:
            names.add(f"django_jobs lane {head.lane}")
        if policy.max_running is not None:
            names.add(f"django_jobs queue {head.queue}")
    return [f"django_jobs host {allowance.host}"] * host + sorted(names)


def locking(names: Sequence[str]) -> Statement:
    """Return the statement that takes locks in the order given, and waits for none for long."""
    return _SET + _LOCK * len(names), names
