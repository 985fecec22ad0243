"""run_jobs meets all that a worker meets: dependencies, keys, "ALL", middleware, signals."""

from __future__ import annotations

import time
from collections import Counter
from datetime import timedelta

import pytest
from asgiref.sync import async_to_sync
from django.db import transaction

from django_jobs import Cancel, JobContext, aenqueue, cancel, chain, enqueue, enqueue_many, job
from django_jobs.middleware import around
from django_jobs.models import Job
from django_jobs.signals import (
    job_cancelled,
    job_enqueued,
    job_failed,
    job_retrying,
    job_started,
    job_succeeded,
)
from django_jobs.testing import arun_jobs, run_jobs, travel
from testproject.ledger import dependent, limited, tried
from testproject.ledger.models import Effect, Gate
from testproject.ledger.paint import paint, paint_async
from tests.samples import as_if_at_the_top
from tests.threads import wait_until

pytestmark = pytest.mark.django_db


def labels():
    return list(Effect.objects.order_by("pk").values_list("label", flat=True))


class TestDependencies:
    def test_what_a_job_depends_on_is_made_and_runs_before_it(self):
        # Given
        row = dependent.drain.enqueue(label="x")

        # When
        ran = run_jobs()

        # Then
        assert labels() == ["source x", "drain x"]
        assert {one.pk: one.state for one in ran}[row.pk] == "succeeded"
        assert [one.name for one in ran] == [
            "testproject.ledger.dependent.source",
            "testproject.ledger.dependent.drain",
        ]

    def test_a_job_that_begins_to_wait_has_not_run(self):
        # Given
        dependent.drain.enqueue(label="x")

        # When
        ran = run_jobs(limit=1)

        # Then
        assert [one.name for one in ran] == ["testproject.ledger.dependent.source"]

    def test_a_chain_and_a_diamond_run_in_order_and_each_part_once(self):
        # Given
        dependent.delta.enqueue(label="x", left="l", right="r")

        # When
        run_jobs()

        # Then
        assert Counter(labels()) == Counter(
            ["source x", "source l", "drain l", "source r", "drain r", "delta x"]
        )
        assert labels()[-1] == "delta x"

    def test_a_coroutine_waits_as_well(self):
        # Given
        dependent.drain_async.enqueue(label="x")

        # When
        run_jobs()

        # Then
        assert labels() == ["source x", "drain x"]

    def test_a_job_that_depends_on_a_failure_fails_unrun(self):
        # Given
        row = dependent.in_vain.enqueue(label="x")

        # When
        run_jobs()

        # Then
        row.refresh_from_db()
        assert (row.state, labels()) == ("failed", ["source x"] * 3)

    def test_a_run_is_done_anew_when_its_window_is_over(self):
        # Given two runs, the second within the hour for which a drain holds
        sea = dependent.sea
        sea.enqueue(label="x")
        run_jobs()
        sea.enqueue(label="x")
        run_jobs()
        assert labels() == ["source x", "drain x", "sea x", "sea x"]

        # When
        with travel(timedelta(hours=1, seconds=1)):
            sea.enqueue(label="x")
            run_jobs()

        # Then the drain is done again, and not the source, which has no window
        assert labels()[4:] == ["drain x", "sea x"]


class TestLimits:
    def test_jobs_of_one_key_run_one_after_the_other(self):
        # Given
        specs = [
            limited.run_one_per_key.job.with_kwargs(label=label, key=key)
            for label, key in [("1", "a"), ("2", "a"), ("1", "b"), ("2", "b")]
        ]
        enqueue_many(specs)

        # When
        ran = run_jobs()

        # Then
        assert [one.state for one in ran] == ["succeeded"] * 4
        told = labels()
        assert [one.removesuffix("ended") for one in told[1::2]] == [
            one.removesuffix("begun") for one in told[::2]
        ]
        assert [one for one in told if one.startswith("line a/") and "begun" in one] == [
            "line a/1: begun",
            "line a/2: begun",
        ]

    def test_one_round_takes_as_many_of_a_key_as_may_run_at_once(self):
        # Given
        spec = limited.run_one_per_key.job
        enqueue_many([spec.with_kwargs(label=label, key="a") for label in "123"])
        enqueue(spec.with_kwargs(label="1", key="b"))

        # When
        ran = run_jobs(until_empty=False)

        # Then
        assert sorted((one.concurrency_key, one.kwargs["label"]) for one in ran) == [
            ("a", "1"),
            ("b", "1"),
        ]
        assert Job.objects.filter(state="ready").count() == 2

    def test_a_key_that_a_running_job_holds_is_left_alone(self, worker):
        # Given
        spec = limited.run_one_per_key.job
        held = enqueue(spec.with_kwargs(label="1", key="a"))
        Job.objects.filter(pk=held.pk).update(state="running", worker_id=worker)
        enqueue_many([spec.with_kwargs(label="2", key=key) for key in "ab"])

        # When
        (ran,) = run_jobs()

        # Then
        assert ran.concurrency_key == "b"

    def test_an_ordered_job_that_comes_again_holds_up_its_key(self, own_registry):
        # Given
        @job(ordered=True, concurrency_key=lambda label: "a", max_attempts=2, backoff=60)
        @as_if_at_the_top
        def stumble(label):
            tried.add(label)
            if label == "first" and Effect.objects.count() == 1:
                raise ValueError

        for label in ("first", "second"):
            stumble.enqueue(label=label)

        # When
        run_jobs()
        before = labels()
        with travel(timedelta(minutes=2)):
            run_jobs()

        # Then
        assert (before, labels()) == (["first"], ["first", "first", "second"])

    def test_what_is_beyond_a_rate_waits_for_its_time(self, own_registry):
        # Given
        @job(rate_limit="2/h")
        @as_if_at_the_top
        def seldom():
            tried.add("seldom")

        enqueue_many([seldom.job] * 3)

        # When
        first, again = run_jobs(), run_jobs()
        with travel(timedelta(hours=1)):
            later = run_jobs()

        # Then
        assert [len(ran) for ran in (first, again, later)] == [2, 0, 1]

    def test_one_round_takes_no_more_than_a_host_of_the_settings_has(self, settings):
        # Given
        settings.DJANGO_JOBS = {"UNITS": 5}
        spec = limited.take_two_units.job
        enqueue_many([spec.with_kwargs(label=label, seconds=0) for label in "123"])

        # When
        ran = run_jobs(until_empty=False)

        # Then
        assert [one.kwargs["label"] for one in ran] == ["1", "2"]

    def test_what_expires_before_its_turn_does_not_run(self, own_registry):
        # Given
        @job
        @as_if_at_the_top
        def linger():
            until = time.monotonic() + 0.3
            wait_until(lambda: time.monotonic() > until)

        linger.enqueue()
        expired = enqueue(tried.plain.job.with_expires_after(timedelta(seconds=0.2)))

        # When
        ran = run_jobs(until_empty=False)

        # Then
        expired.refresh_from_db()
        assert [one.state for one in ran] == ["succeeded"]
        assert (expired.state, expired.attempts, labels()) == ("cancelled", 0, [])
        assert expired.note == "It expired before it began."


class TestContext:
    def test_what_a_job_tells_is_on_its_row(self, own_registry):
        # Given
        @job(takes_context=True)
        @as_if_at_the_top
        def tell(context: JobContext):
            context.progress(1, 2, "half")
            context.log("read %s rows", 3)

        tell.enqueue()

        # When
        (ran,) = run_jobs()

        # Then
        told, lines = ran.progress or {}, ran.log or []
        assert (told["done"], told["message"]) == (1, "half")
        assert [line["message"] for line in lines] == ["read 3 rows"]

    def test_a_job_knows_that_it_was_cancelled(self, own_registry):
        # Given
        known = []

        @job(takes_context=True)
        @as_if_at_the_top
        def look(context: JobContext):
            known.append(context.is_cancelled)
            cancel(context.job)
            known.append(context.is_cancelled)

        look.enqueue()

        # When
        (ran,) = run_jobs()

        # Then
        assert known == [False, True]
        assert ran.state == "cancelled"


@pytest.mark.parametrize("function", [paint, paint_async])
def test_all_stands_for_one_job_of_each_value(function):
    # Given
    row = function.enqueue(label="wall", colour="ALL", size=2)

    # When
    ran = run_jobs()

    # Then
    assert sorted(labels()) == ["wall blue 2", "wall green 2", "wall red 2"]
    assert (ran[0].pk, ran[0].result) == (row.pk, 3)
    assert [one.parent_id for one in ran[1:]] == [row.pk] * 3


def outer(run):
    """Middleware: tell when a run begins and how it ends."""

    def around_it(context):
        tried.add(f"before {context.name.rpartition('.')[2]}, attempt {context.attempt}")
        try:
            return run(context)
        finally:
            tried.add("after")

    return around_it


def refusing(run):
    """Middleware: let no job run."""

    def around_it(context):
        raise Cancel("not today")

    return around_it


class TestMiddleware:
    @pytest.fixture(autouse=True)
    def _made_anew(self):
        around.cache_clear()
        yield
        around.cache_clear()

    @pytest.mark.parametrize(
        ("function", "inside"), [(tried.plain, ["plain"]), (tried.counting, []), (tried.atomic, [])]
    )
    def test_it_is_around_every_run(self, function, inside, settings):
        # Given
        settings.DJANGO_JOBS = {"MIDDLEWARE": [f"{__name__}.outer"]}
        function.enqueue()

        # When
        ran = run_jobs(limit=1)

        # Then
        name = ran[0].name.rpartition(".")[2]
        told = labels()
        assert [one.state for one in ran] == ["succeeded"]
        assert (told[0], told[-1]) == (f"before {name}, attempt 1", "after")
        assert [one for one in told if one in inside] == inside

    def test_what_it_raises_ends_the_job(self, settings):
        # Given
        settings.DJANGO_JOBS = {"MIDDLEWARE": [f"{__name__}.outer", f"{__name__}.refusing"]}
        tried.plain.enqueue()

        # When
        (ran,) = run_jobs()

        # Then
        assert (ran.state, ran.note) == ("cancelled", "not today")
        assert labels() == ["before plain, attempt 1", "after"]


@pytest.fixture
def heard():
    """Listen to all signals, and return what they tell, in order."""
    told = []
    signals = {
        "enqueued": job_enqueued,
        "started": job_started,
        "succeeded": job_succeeded,
        "failed": job_failed,
        "retrying": job_retrying,
        "cancelled": job_cancelled,
    }
    receivers = {
        word: lambda *, job, word=word, **more: told.append((word, job.name.rpartition(".")[2]))
        for word in signals
    }
    for word, signal in signals.items():
        signal.connect(receivers[word])
    yield told
    for word, signal in signals.items():
        signal.disconnect(receivers[word])


class TestSignals:
    def test_they_are_sent_in_the_order_of_what_they_tell(self, heard):
        # Given
        tried.atomic.enqueue(label="good")

        # When
        run_jobs()

        # Then
        assert heard == [
            ("started", "atomic"),
            ("enqueued", "plain"),
            ("succeeded", "atomic"),
            ("started", "plain"),
            ("succeeded", "plain"),
        ]

    def test_each_end_has_its_own(self, heard):
        # Given
        tried.failing.enqueue()

        # When
        run_jobs()
        with travel(timedelta(minutes=2)):
            run_jobs()

        # Then
        words = [word for word, _ in heard]
        assert words == ["started", "retrying", "started", "failed"]

    def test_a_receiver_finds_the_end_recorded(self):
        # Given
        found = []

        def look(*, job, duration, **more):
            found.append((job.state, job.result, Job.objects.get(pk=job.pk).state))

        job_succeeded.connect(look)
        tried.plain.enqueue(label="x")

        # When
        try:
            run_jobs()
        finally:
            job_succeeded.disconnect(look)

        # Then
        assert found == [("succeeded", "x", "succeeded")]

    def test_a_receiver_that_fails_in_the_database_harms_neither_job_nor_test(self):
        # Given
        def fail(**told):
            Gate.objects.create(name="one")
            Gate.objects.create(name="one")

        job_succeeded.connect(fail)
        enqueue(chain(tried.plain.job.with_kwargs(label="a"), tried.plain))

        # When
        try:
            ran = run_jobs()
        finally:
            job_succeeded.disconnect(fail)

        # Then
        assert [one.state for one in ran] == ["succeeded"] * 2
        assert Gate.objects.count() == 1

    def test_a_receiver_may_enqueue(self):
        # Given
        def follow(*, job, **told):
            tried.plain.enqueue(label=f"after {job.pk}")

        job_succeeded.connect(follow, sender=tried.counting)
        row = tried.counting.enqueue()

        # When
        try:
            run_jobs()
        finally:
            job_succeeded.disconnect(follow, sender=tried.counting)

        # Then
        assert labels() == [f"after {row.pk}"]


class TestCallbacks:
    def test_one_that_fails_in_the_database_harms_neither_job_nor_test(self, own_registry):
        # Given
        def fail():
            for _ in range(2):
                Gate.objects.create(name="one")

        @job
        @as_if_at_the_top
        def promising():
            transaction.on_commit(fail)
            transaction.on_commit(lambda: tried.add("the next one"))

        promising.enqueue()

        # When
        (ran,) = run_jobs()

        # Then
        assert (ran.state, labels(), Gate.objects.count()) == ("succeeded", ["the next one"], 1)


class TestInCoroutines:
    def test_a_coroutine_makes_jobs_and_runs_them(self):
        # Given
        async def scenario():
            row = await tried.counting.aenqueue()
            await aenqueue(tried.plain.job.with_kwargs(label="x"))
            return row, await arun_jobs(raise_errors=True)

        # When
        row, ran = async_to_sync(scenario)()

        # Then
        assert [(one.state, one.result) for one in ran] == [("succeeded", 0), ("succeeded", "x")]
        assert ran[0].pk == row.pk

    def test_its_arguments_are_those_of_run_jobs(self):
        # Given
        async def scenario():
            for _ in range(3):
                await tried.plain.aenqueue()
            await tried.failing.aenqueue()
            ran = await arun_jobs(queues=["default"], limit=3)
            with pytest.raises(ValueError, match="broken"):
                await arun_jobs(raise_errors=True)
            return ran

        # When
        ran = async_to_sync(scenario)()

        # Then
        assert [one.state for one in ran] == ["succeeded"] * 3

    def test_a_failing_statement_does_no_harm_there_either(self):
        # Given
        async def scenario():
            await tried.clashing.aenqueue()
            return await arun_jobs()

        # When
        (ran,) = async_to_sync(scenario)()

        # Then
        assert (ran.state, labels(), Gate.objects.count()) == ("succeeded", ["refused"], 1)
