"""What every executor must do with jobs that shall end, and with what they leave behind."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from django_jobs.outcomes import Abandoned, Cancelled, Succeeded
from testproject.ledger.models import Effect
from tests.executors.bench import is_about
from tests.threads import wait_until


def needs(bench, capability):
    """Skip what this kind of executor does not claim to do."""
    if not getattr(bench.executor.capabilities, capability):
        pytest.skip(f"{bench.kind} says that it has no {capability}")


@pytest.mark.usefixtures("quiet")
class TestTimeouts:
    def test_a_job_that_sleeps_is_ended(self, bench):
        if bench.kind != "asyncio":
            needs(bench, "hard_timeout")
        job = bench.job("sleep_too_long")
        bench.submit(job)

        (ended,) = bench.finished(job)

        assert ended.outcome.fault.exception == "django_jobs.exceptions.JobTimeout"
        assert ended.outcome.fault.message == "The job ran longer than its limit of 0.3 seconds."
        assert is_about(ended.outcome.delay, 7)
        assert 0.25 < ended.elapsed < 5

    def test_a_job_that_asks_hears_of_its_timeout(self, bench, transactional_db):
        if not bench.executor.capabilities.functions:
            pytest.skip("coroutines are cancelled at their next await")

        outcome = bench.run("check_until_stopped", "late")

        assert outcome.fault.exception == "django_jobs.exceptions.JobTimeout"
        assert bench.run("nothing") == Succeeded()

    def test_a_job_that_ends_in_time_does_not_disturb_the_next(self, bench):
        outcomes = [bench.run("nothing", timeout=0.2), bench.run("nothing", timeout=60)]

        assert outcomes == [Succeeded()] * 2


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("quiet")
class TestCancelling:
    def test_a_waiting_job_does_not_begin(self, one_at_a_time):
        bench = one_at_a_time
        running, waiting = bench.job("wait_to_be_cancelled", "a"), bench.job("give_back", 1)
        bench.submit(running, waiting)
        bench.begun(running)

        bench.cancel(waiting)

        (outcome,) = bench.outcomes(waiting)
        assert type(outcome) is Abandoned
        assert ("begun", waiting.id) not in bench.witness.heard
        bench.cancel(running)
        bench.outcomes(running)

    def test_a_running_job_ends_soon(self, bench):
        job = bench.job("wait_to_be_cancelled", "cancelled")
        bench.submit(job)
        wait_until(Effect.objects.filter(label="cancelled").exists)

        bench.cancel(job)

        (outcome,) = bench.outcomes(job)
        assert isinstance(outcome, (Abandoned, Cancelled))
        assert bench.run("nothing") == Succeeded()

    def test_its_neighbours_go_on(self, bench):
        one, other = bench.job("wait_to_be_cancelled", "1"), bench.job("wait_to_be_cancelled", "2")
        bench.submit(one, other)
        bench.begun(one, other)

        bench.cancel(one)

        bench.outcomes(one)
        assert not bench._collected([other])
        bench.cancel(other)
        bench.outcomes(other)

    def test_a_job_that_is_retried_after_it_was_cancelled_runs(self, one_at_a_time):
        bench = one_at_a_time
        running, waiting = bench.job("wait_to_be_cancelled", "a"), bench.job("give_back", 1)
        bench.submit(running, waiting)
        bench.begun(running)
        bench.cancel(running, waiting)
        bench.outcomes(running, waiting)
        bench.witness.cancelled.clear()
        again = [bench.job("give_back", 5, id=job.id, claims=3) for job in (running, waiting)]

        bench.submit(*again)

        assert [type(outcome) for outcome in bench.outcomes(*again)] == [Succeeded] * 2

    def test_a_job_that_is_not_here_harms_nothing(self, bench):
        bench.cancel(bench.job("nothing"))

        assert bench.run("nothing") == Succeeded()


@pytest.mark.django_db(transaction=True)
class TestGivingBack:
    def test_what_has_not_begun_is_given_back(self, one_at_a_time):
        bench = one_at_a_time
        running = bench.job("wait_to_be_cancelled", "a")
        waiting = [bench.job("nothing") for _ in range(20)]
        bench.submit(running, *waiting)
        bench.begun(running)

        taken = bench.withdrawn(*waiting)

        assert taken == set(waiting)
        bench.cancel(running)
        bench.outcomes(running)
        assert {id_ for _, id_ in bench.witness.heard} == {running.id}

    def test_what_was_given_back_may_come_again(self, one_at_a_time):
        bench = one_at_a_time
        running, waiting = bench.job("wait_to_be_cancelled", "a"), bench.job("nothing")
        bench.submit(running, waiting)
        bench.begun(running)
        bench.withdrawn(waiting)
        bench.submit(waiting)
        bench.cancel(running)

        assert bench.outcomes(waiting) == [Succeeded()]

    def test_nothing_is_lost_between_giving_back_and_running(self, bench):
        jobs = [bench.job("nothing") for _ in range(300)]
        bench.submit(*jobs)

        taken: list[Any] = []

        def all_are_somewhere():
            taken.extend(bench.executor.withdraw())
            return bench._collected(set(jobs) - set(taken))

        wait_until(all_are_somewhere)
        ended = {id_ for what, id_ in bench.witness.heard if what == "ended"}
        assert not {job.id for job in taken} & ended
        bench.rest()


class TestManyAtOnce:
    def test_all_places_are_used(self, bench, transactional_db):
        jobs = [bench.job("wait_to_be_cancelled", str(n)) for n in range(bench.executor.size)]

        for job in jobs:
            bench.submit(job)

        bench.begun(*jobs)
        bench.cancel(*jobs)
        bench.outcomes(*jobs)

    def test_thousands_end_once_each(self, bench):
        jobs = [bench.job("nothing") for _ in range(1000)]
        bench.submit(*jobs)

        outcomes = bench.outcomes(*jobs)

        assert outcomes == [Succeeded()] * 1000
        ended = [id_ for what, id_ in bench.witness.heard if what == "ended"]
        assert len(set(ended)) == len(ended)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("quiet")
class TestCleanWorld:
    @pytest.mark.parametrize("how", ["language", "open", "aborted", "closed", "set"])
    def test_a_job_sees_nothing_of_the_one_before(self, one_at_a_time, how):
        needs(one_at_a_time, "functions")
        clean = json.loads(one_at_a_time.run("look_around").result)

        one_at_a_time.run("make_a_mess", how)

        assert json.loads(one_at_a_time.run("look_around").result) == clean
        assert not Effect.objects.exists()


class TestStopping:
    @pytest.mark.django_db(transaction=True)
    def test_what_waits_does_not_run_and_what_is_ended_has_no_outcome(self, make_bench, bench):
        other = make_bench(bench.kind, size=1)
        running, waiting = other.job("wait_to_be_cancelled", "a"), other.job("nothing")
        other.submit(running, waiting)
        other.begun(running)

        other.executor.stop()

        assert other.executor.collect() == []
        assert ("begun", waiting.id) not in other.witness.heard
        other.witness.cancelled.add(running.id)

    def test_stopping_again_or_what_never_ran_is_harmless(self, make_bench, bench):
        other, unused = make_bench(bench.kind), make_bench(bench.kind)
        other.run("nothing")

        for executor in (other.executor, other.executor, unused.executor, unused.executor):
            executor.stop()
        wait_until(lambda: other.executor.collect() == [])
        other.executor.cancel([1])


def test_a_hundred_coroutines_wait_side_by_side(make_bench, bench):
    needs(bench, "coroutines")
    if bench.kind != "asyncio":
        pytest.skip("each process has one place")
    crowd = make_bench(bench.kind, size=100)
    jobs = [crowd.job("pause", 0.3) for _ in range(100)]
    began = time.monotonic()

    crowd.submit(*jobs)

    assert crowd.outcomes(*jobs) == [Succeeded()] * 100
    assert time.monotonic() - began < 100 * 0.3 / 3
