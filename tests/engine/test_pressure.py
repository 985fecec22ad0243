"""All verbs at once, with real connections: nobody waits in a circle, and nothing is lost."""

from __future__ import annotations

from collections import Counter
from random import Random

from tests.torture.pressure import Pressure

#: Every verb that moves jobs, makes or deletes them, and how many each has to move.
VERBS = (
    "enqueue", "claim", "finish", "release", "rescue", "retry", "cancel", "promote", "prune",
)  # fmt: skip
ENOUGH = 50
#: Seconds in which that has to be done, on the slowest machine.
LONGEST = 60.0


def is_enough(moved: Counter[str]) -> bool:
    return all(moved[verb] >= ENOUGH for verb in VERBS) and moved["claim"] >= 2_000


def test_all_verbs_at_once_meet_no_deadlock_and_lose_nothing(transactional_db):
    # Given a few keys that everybody wants, and jobs that everybody moves
    # When bulks with crossing keys are enqueued, cancelled, claimed, finished, rescued, retried,
    # promoted and pruned, all at the same time
    found = Pressure(Random(1)).run(is_enough, within=LONGEST)
    # Then no error has reached anybody, no key was ever held twice, and every job is accounted for
    assert not found.broken, found.line
    assert found.deadlocks == 0
    # And each verb was under way
    assert is_enough(found.moved), found.line
