"""How many jobs may still be run."""

from __future__ import annotations

import sys

from django_jobs.recorder import CONTEXT
from django_jobs.worker.budget import Budget
from tests.threads import at_once


def test_no_budget_never_ends():
    budget = Budget.of(None)
    assert budget.take(500) == 500
    assert not budget.is_spent


def test_what_is_not_used_is_given_back():
    budget = Budget.of(10)
    assert budget.take(8) == 8
    budget.give_back(5)
    assert budget.take(100) == 7
    assert budget.is_spent
    assert budget.take(1) == 0


def test_many_takers_get_exactly_what_there_is():
    # Given a budget in shared memory, and threads that switch as often as they can
    budget = Budget(CONTEXT.Value("q", 1000))
    former = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        # When eight of them take one by one until nothing is left
        def take_all():
            taken = 0
            while budget.take(1):
                taken += 1
            return taken

        taken = at_once(*[take_all] * 8)
    finally:
        sys.setswitchinterval(former)
    # Then together they got all of it
    assert sum(taken) == 1000
