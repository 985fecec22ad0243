"""Limits of every kind, while the workers that hold their permits are killed."""

from __future__ import annotations

from random import Random

from tests.torture.limits import under_fire

TWO_COMMANDS = (("--processes", "3", "--concurrency", "4", "--units", "20", "--no-progress"),) * 2


def test_no_limit_is_exceeded_and_no_permit_is_lost_while_workers_are_killed(runjobs):
    # Given jobs under limits per key, in order, by units and by rate
    # When six workers run them, and one after the other is killed
    found = under_fire(runjobs, TWO_COMMANDS, 160, 6, Random(1))
    # Then no limit was exceeded at any instant, and every job has succeeded in the end
    assert found.broken == []
    assert found.kills == 6
    # Whether a key came to use its second permit is for the machine's load to decide, and for
    # tests/engine/test_keys.py to show.
    assert found.most["key"] in {1, 2}
