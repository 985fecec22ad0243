"""Whose turn it is: how a claim's places are divided among heads."""

from __future__ import annotations

from collections import Counter

import pytest

from django_jobs.engine.counting import Counts
from django_jobs.engine.heads import Head
from django_jobs.engine.levels import rates_of
from django_jobs.engine.turns import Permits, plan
from django_jobs.limits import UNLIMITED, Allowance, Limit, QueuePolicy, Room
from django_jobs.rates import Rate

LANE = "lane"


def head(lane=LANE, key="", *, priority=0, units=1, id=1, queue="default"):
    return Head(queue, lane, key, priority, units, lane, id)


def permits(allowance, counts=None, *, limit=1000, rates=lambda name, rate: UNLIMITED):
    rooms = {"": limit, "process": limit}
    counts = counts or Counts()
    return Permits(allowance, counts, lambda one: rates_of(one, allowance), rates, rooms, limit)


def allow(limit, budget=None, **how):
    return Allowance({LANE: limit}, "here", budget, **how)


def counts(running=0, here=0, units=0, key=""):
    return Counts(
        keys=Counter({(LANE, key): running}),
        lanes=Counter({LANE: running}),
        here=Counter({LANE: here}),
        units=units,
    )


class TestPermits:
    def test_a_lane_without_a_limit_has_no_end_but_the_places(self):
        assert permits(allow(Limit())).of(head("other")) == 1000

    @pytest.mark.parametrize(("running", "left"), [(0, 3), (2, 1), (4, 0)])
    def test_running_jobs_count_against_the_limit_everywhere(self, running, left):
        assert permits(allow(Limit(max_running=3)), counts(running)).of(head()) == left

    def test_the_narrower_limit_holds(self):
        limit = Limit(max_running=9, max_running_per_host=2)

        assert permits(allow(limit), counts(5, 1)).of(head()) == 1
        assert permits(allow(limit), counts(9, 0)).of(head()) == 0

    @pytest.mark.parametrize(("units", "left"), [(1, 7), (2, 3), (7, 1), (8, 0)])
    def test_units_are_taken_whole(self, units, left):
        assert permits(allow(Limit(units=units), 10), counts(units=3)).of(head(units=units)) == left

    def test_a_job_of_no_units_needs_none(self):
        full = permits(allow(Limit(units=0), 10), counts(units=10))

        assert full.of(head(units=0)) == 1000

    def test_keys_have_limits_of_their_own(self):
        limit = Limit(max_running_per_key=2, is_keyed=True)
        left = permits(allow(limit), counts(2, key="a"))

        assert (left.of(head(key="a")), left.of(head(key="b"))) == (0, 2)

    def test_what_one_key_takes_the_lane_has_no_more(self):
        left = permits(allow(Limit(max_running=3, max_running_per_key=2, is_keyed=True)))
        first, second = head(key="a"), head(key="b")
        left.of(first), left.of(second)

        left.take(first, 2)

        assert (left.of(first), left.of(second)) == (0, 1)

    def test_an_ordered_key_waits_for_what_is_to_be_tried_again(self):
        held = Counts(held=frozenset({(LANE, "a")}))
        left = permits(allow(Limit(is_ordered=True, is_keyed=True)), held)

        assert (left.of(head(key="a")), left.of(head(key="b"))) == (0, 1)

    def test_queues_have_limits_too(self):
        policies = {"default": QueuePolicy(max_running=5, concurrency=3)}
        taken = Counts(queues=Counter(default=1), mine=Counter(default=1))

        assert permits(allow(Limit(), queues=policies), taken).of(head()) == 2

    @pytest.mark.parametrize(("rate", "left"), [(Rate(50, 1.0), 7), (Rate(500, 1.0), 50)])
    def test_under_a_rate_no_more_is_taken_than_can_start_in_a_moment(self, rate, left):
        allowance = allow(Limit(rate=rate), rooms={"": Room(500, 7)})

        assert permits(allowance, rates=lambda name, rate: 500).of(head()) == left
        assert permits(allowance, rates=lambda name, rate: 5).of(head()) == 5


def given(heads, allowance=None, taken=None, limit=10):
    """Return how many jobs each head gets."""
    allowance = allowance or allow(Limit())
    taken = taken or Counts()
    planned = plan(heads, permits(allowance, taken, limit=limit), allowance, taken)
    return {take.head: take.most for take in planned.takes}


class TestTurns:
    KEYED = allow(Limit(is_keyed=True))

    def test_one_head_gets_all(self):
        one = head("")

        assert given([one]) == {one: 10}

    def test_keys_take_turns(self):
        keys = [head(key=key, id=number) for number, key in enumerate("abcd")]

        assert list(given(keys, self.KEYED).values()) == [3, 3, 2, 2]

    def test_the_key_of_which_least_runs_comes_first(self):
        big, small = head(key="big", id=1), head(key="small", id=2)
        taken = Counts(keys=Counter({(LANE, "big"): 8}))

        assert given([big, small], self.KEYED, taken, limit=4) == {small: 4}
        assert given([big, small], self.KEYED, taken, limit=10) == {small: 9, big: 1}

    def test_of_keys_that_are_level_the_oldest_job_comes_first(self):
        young, old = head(key="young", id=9), head(key="old", id=3)

        assert given([young, old], self.KEYED, limit=1) == {old: 1}

    def test_higher_priorities_come_before_any_turn(self):
        high, low = head(key="a", priority=5, id=9), head(key="b", id=1)

        assert given([high, low], self.KEYED) == {high: 10}

    def test_what_a_limit_leaves_goes_to_others(self):
        allowance = allow(Limit(max_running_per_key=1, is_keyed=True))
        keys = [head(key=str(number), id=number) for number in range(3)]
        free = head("", id=99)

        assert given([*keys, free], allowance) == {**dict.fromkeys(keys, 1), free: 7}

    def test_jobs_without_keys_have_a_share_beside_keys(self):
        plain = head("", id=1)
        keys = [head(key=str(number), id=10 + number) for number in range(10)]

        shares = given([plain, *keys], self.KEYED, limit=100)

        assert shares[plain] == 50
        assert {shares[key] for key in keys} == {5}

    def test_nothing_below_the_next_priority_is_taken(self):
        heads = [head("", priority=5, id=1), head("b", priority=3, id=2), head("c", id=3)]
        allowance = allow(Limit())

        planned = plan(heads, permits(allowance, limit=30), allowance, Counts())

        assert [(take.head.priority, take.floor) for take in planned.takes] == [(5, 3)]


class TestQueues:
    def test_a_strict_order_comes_before_priorities(self):
        first, second = head("", queue="b", id=2), head("", queue="a", priority=9, id=1)
        unnamed = head("", queue="c", priority=99, id=3)
        allowance = Allowance(order=("b", "a"))

        assert given([first, second, unnamed], allowance) == {first: 10}
        assert given([second, unnamed], allowance) == {second: 10}

    def test_weights_divide_the_places(self):
        queues = {"big": QueuePolicy(weight=3), "small": QueuePolicy(weight=1)}
        heads = [head("", queue=name, id=number) for number, name in enumerate(queues)]

        shares = given(heads, Allowance(queues=queues, weighted=True), limit=100)

        assert [shares[one] for one in heads] == [75, 25]

    def test_single_places_fall_by_weight_in_the_long_run(self):
        queues = {"big": QueuePolicy(weight=3), "small": QueuePolicy(weight=1)}
        heads = [head("", queue=name, id=number) for number, name in enumerate(queues)]
        allowance = Allowance(queues=queues, weighted=True)

        fell = Counter[str]()
        for _ in range(2000):
            for one in given(heads, allowance, limit=1):
                fell[one.queue] += 1

        assert 0.7 < fell["big"] / 2000 < 0.8


def test_many_equal_keys_are_given_as_many_each_in_few_turns():
    # Given 20 keys of which nothing runs, and places for 503 jobs
    heads = [head(key=f"key-{n}", id=n) for n in range(20)]
    allowance = allow(Limit(is_keyed=True))
    # When turns are given
    takes = plan(heads, permits(allowance, limit=503), allowance, Counts()).takes
    # Then all places are given, and no key has two more than another
    given = [take.most for take in takes]
    assert sum(given) == 503
    assert max(given) - min(given) <= 1


def test_keys_of_which_less_runs_are_given_as_much_more():
    # Given keys of which 30, 10 and none run
    counts = Counts(keys=Counter({(LANE, "a"): 30, (LANE, "b"): 10}))
    heads = [head(key=key, id=n) for n, key in enumerate("abc")]
    allowance = allow(Limit(is_keyed=True))
    # When 50 places are given
    takes = plan(heads, permits(allowance, counts, limit=50), allowance, counts).takes
    # Then as many of each would run as is fair
    assert {take.head.key: take.most for take in takes} == {"b": 20, "c": 30}
