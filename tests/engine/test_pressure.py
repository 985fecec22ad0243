"""All verbs at once, with real connections: nobody waits in a circle, and nothing is lost."""

from __future__ import annotations

import time
from random import Random

from tests.torture.pressure import Pressure

#: Seconds.
LONG_ENOUGH = 4.0


def test_all_verbs_at_once_meet_no_deadlock_and_lose_nothing(transactional_db):
    # Given a few keys that everybody wants, and jobs that everybody moves
    until = time.monotonic() + LONG_ENOUGH
    # When bulks with crossing keys are enqueued, cancelled, claimed, finished, rescued, retried,
    # promoted and pruned, all at the same time
    found = Pressure(Random(1)).run(lambda moved: time.monotonic() > until)
    # Then no error has reached anybody, no key was ever held twice, and every job is accounted for
    assert not found.broken, found.line
    assert found.deadlocks == 0
    # And each verb was under way
    assert min(found.moved.values()) > 20, found.line
