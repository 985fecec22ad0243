"""How many jobs a worker claims at a time."""

from __future__ import annotations

from django_jobs.outcomes import Claimed, Finished, Succeeded
from django_jobs.worker.appetite import LARGEST, Appetite

CLAIMED = Claimed(1, 1, "x", "[]", "{}", 1, 1, None, 0)


def runs(seconds, count=10):
    return [Finished(CLAIMED, Succeeded(), seconds, 0.0)] * count


def test_it_claims_what_can_start_while_nothing_is_known():
    appetite = Appetite(concurrency=10)
    assert [appetite.limit(owned) for owned in (0, 4, 10, 12)] == [10, 6, 0, 0]


def test_it_claims_ahead_while_jobs_are_short():
    # Given jobs of ten microseconds
    appetite = Appetite(concurrency=10)
    appetite.learn(runs(0.00001))
    # Then it claims as many as one statement may, once half of the stock is used up
    assert appetite.limit(0) == LARGEST
    assert appetite.limit(LARGEST // 2) == LARGEST + 10 - LARGEST // 2
    assert appetite.limit(LARGEST // 2 + 1) == 0


def test_it_claims_no_more_than_can_start_while_jobs_are_long():
    appetite = Appetite(concurrency=10)
    appetite.learn(runs(1.0))
    assert (appetite.limit(0), appetite.limit(9)) == (10, 1)


def test_one_long_job_counts_at_once_and_short_ones_little_by_little():
    # Given short jobs, and then a long one
    appetite = Appetite(concurrency=1)
    appetite.learn(runs(0.0001))
    assert appetite.limit(0) > 100
    appetite.learn(runs(60.0, count=1))
    assert appetite.limit(0) == 1
    # When short ones follow, it takes them some time to be trusted
    appetite.learn(runs(0.0001))
    assert appetite.limit(0) == 1


def test_it_can_forget_what_it_knew():
    appetite = Appetite(concurrency=2)
    appetite.learn(runs(0.0001))
    appetite.forget()
    assert appetite.limit(0) == 2


def test_a_stock_of_longer_jobs_is_laid_in_by_smaller_claims():
    # Given a worker whose jobs take 20 ms, and are short enough to be claimed ahead
    appetite = Appetite(50)
    appetite.learn(runs(0.02))
    # Then no claim is so large that the places would be idle meanwhile
    assert [appetite.limit(owned) for owned in (0, 50, 125, 126)] == [100, 100, 100, 0]
