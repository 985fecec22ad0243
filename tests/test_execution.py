"""Running one job: an atomic one's effects and its end are committed together, or not at all."""

from __future__ import annotations

import logging
import os
from dataclasses import replace

import pytest
from django.db import connection, transaction

from django_jobs import Cancel, JobSpec, Retry, Snooze, engine, enqueue, job
from django_jobs.definitions import define
from django_jobs.exceptions import UnsupportedOption
from django_jobs.execution import perform
from django_jobs.models import Job
from django_jobs.outcomes import Abandoned, Cancelled, Failed, Snoozed, Succeeded
from django_jobs.registry import register
from django_jobs.states import State
from testproject.ledger.models import Effect
from tests.executors.bench import POLICY, Bench, Witness
from tests.rows import FAILED, claim, finish, held, sql, state_of
from tests.samples import anything
from tests.threads import at_once

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("own_registry", "worker"),
]


def run(claimed):
    """Run a claimed job here, and return how it ended."""
    return perform(claimed, POLICY, Witness(Bench("thread").recorder))


def finished(body, **declared):
    """Run a body as an atomic job, and return how it ended."""

    def atomic_job():
        Effect.objects.create(label="effect", pid=os.getpid())
        anything.enqueue()
        return body()

    atomic_job.__qualname__ = "atomic_job"
    register(define(atomic_job, "atomic", None, atomic=True, max_attempts=3, **declared))
    enqueue(JobSpec("atomic"))
    (claimed,) = claim()
    return run(claimed)


def nothing_happened():
    """Return whether neither the effect nor what was enqueued is there."""
    return not Effect.objects.exists() and not Job.objects.filter(name=anything.job.func).exists()


async def patient():
    """Be a coroutine function."""


def raising(error):
    """Return a body that raises."""

    def body():
        raise error

    return body


class TestAtomic:
    def test_effects_and_jobs_and_the_end_are_committed_together(self):
        seen = []

        def look_from_outside():
            seen.append((Effect.objects.count(), Job.objects.exclude(state="running").count()))

        ended = finished(lambda: at_once(look_from_outside) and "done")

        # Until the end nobody else has seen anything
        assert seen == [(0, 0)]
        assert (type(ended.outcome), ended.is_recorded) == (Succeeded, True)
        assert state_of(ended.job) == State.SUCCEEDED
        assert Job.objects.get(pk=ended.job.id).result == "done"
        assert Effect.objects.count() == 1
        assert Job.objects.filter(name=anything.job.func, state="ready").count() == 1

    def test_recording_it_again_changes_nothing(self):
        # As after a commit whose answer was lost.
        ended = finished(lambda: None)
        failed = ended._replace(outcome=FAILED)

        finish(failed)

        assert state_of(ended.job) == State.SUCCEEDED

    @pytest.mark.parametrize(
        ("error", "outcome"),
        [
            (ValueError("after the effect"), Failed),
            (SystemExit(3), Failed),
            (KeyboardInterrupt(), Failed),
            (Retry(0), Failed),
            (Snooze(5), Snoozed),
            (Cancel("enough"), Cancelled),
        ],
        ids=lambda value: getattr(value, "__name__", None) or type(value).__name__,
    )
    def test_whatever_is_raised_undoes_everything(self, error, outcome):
        ended = finished(raising(error))

        assert (type(ended.outcome), ended.is_recorded) == (outcome, False)
        assert nothing_happened()
        assert state_of(ended.job) == State.RUNNING
        assert not connection.in_atomic_block

    def test_a_result_that_cannot_be_stored_undoes_everything(self):
        ended = finished(lambda: {1, 2})

        assert ended.outcome.fault.exception.endswith("NotStorable")
        assert ended.outcome.delay is None
        assert nothing_happened()

    @pytest.mark.parametrize(
        ("how", "told"),
        [
            ("leave open", "TransactionLeftOpen"),
            ("break", "InternalError"),
            ("close", "Error"),
        ],
    )
    def test_a_transaction_in_ruins_undoes_everything(self, make_bench, how, told):
        # Given an atomic job that ends well, in a transaction that cannot
        bench = make_bench("thread", size=1)
        _, job = bench.claim("leave_effect_atomically", "label", how)
        # When it is run, and another one after it
        bench.submit(job)
        (ended,) = bench.finished(job)
        # Then it has failed, and the next one has not
        assert ended.outcome.fault.exception.endswith(told)
        assert not ended.is_recorded
        assert not Effect.objects.exists()
        _, job = bench.claim("leave_effect_atomically", "label")
        bench.submit(job)
        assert bench.finished(job)[0].is_recorded

    @pytest.mark.parametrize("verb", ["cancel", "rescue", "release"])
    def test_a_claim_that_is_lost_meanwhile_undoes_everything(self, verb):
        def lose():
            (job,) = Job.objects.filter(state="running")
            if verb == "cancel":
                engine.cancel([job.pk], retention=60, using="default")
            elif verb == "release":
                engine.release([held(job)], using="default")
            else:
                Job.objects.filter(pk=job.pk).update(claims=job.claims + 1)

        ended = finished(lambda: at_once(lose) and None)

        assert type(ended.outcome) is Abandoned
        assert nothing_happened()
        assert state_of(ended.job) != State.SUCCEEDED

    def test_a_constraint_that_fails_at_the_commit_is_a_failed_attempt(self):
        table = Effect._meta.db_table
        sql(f"ALTER TABLE {table} ADD CONSTRAINT late UNIQUE (label) DEFERRABLE INITIALLY DEFERRED")

        def again():
            Effect.objects.create(label="effect", pid=1)

        try:
            ended = finished(again)
        finally:
            sql(f"ALTER TABLE {table} DROP CONSTRAINT late")

        assert type(ended.outcome) is Failed
        assert ended.outcome.fault.exception == "django.db.utils.IntegrityError"
        assert nothing_happened()
        assert state_of(ended.job) == State.RUNNING

    def test_what_breaks_after_the_commit_is_logged_and_undoes_nothing(self, caplog):
        ended = finished(lambda: transaction.on_commit(raising(ValueError("too late"))))

        assert (type(ended.outcome), ended.is_recorded) == (Succeeded, True)
        assert state_of(ended.job) == State.SUCCEEDED
        assert Effect.objects.count() == 1
        assert f"job.after_commit_failed id={ended.job.id} name=atomic" in caplog.text
        assert "ValueError: too late" in caplog.text

    def test_a_job_that_is_kept_for_a_time_of_its_own_is_kept_so(self):
        ended = finished(lambda: None, retention=3600.0)

        row = Job.objects.get(pk=ended.job.id)
        assert row.prune_at is not None
        assert row.finished_at is not None
        assert 3500 < (row.prune_at - row.finished_at).total_seconds() < 3700

    @pytest.mark.parametrize("kind", ["thread", "process"])
    def test_it_works_in_every_executor_that_says_so(self, make_bench, kind):
        bench = make_bench(kind, size=1)
        _, good = bench.claim("leave_effect_atomically", "good")
        bench.submit(good)
        (ended,) = bench.finished(good)
        _, bad = bench.claim("leave_effect_atomically", "bad", "raise")
        bench.submit(bad)
        bench.finished(bad)

        assert ended.is_recorded
        assert (state_of(good), state_of(bad)) == (State.SUCCEEDED, State.RUNNING)
        assert list(Effect.objects.values_list("label", flat=True)) == ["good"]

    def test_it_is_refused_for_coroutine_functions(self):
        with pytest.raises(UnsupportedOption, match="cannot be atomic"):
            job(atomic=True)(patient)


class TestPerform:
    def test_a_limit_that_was_overrun_is_told_and_the_work_counts(self, caplog):
        anything.enqueue()
        (job,) = claim()

        ended = run(job._replace(timeout=1e-9))

        assert type(ended.outcome) is Succeeded
        assert f"job.overran id={job.id}" in caplog.text

    def test_it_never_raises_whatever_the_middleware_is(self, monkeypatch):
        monkeypatch.setattr(logging.getLogger("django_jobs"), "disabled", True)
        anything.enqueue()
        (job,) = claim()
        policy = replace(POLICY, middleware=("no.such.thing",))

        ended = perform(job, policy, Witness(Bench("thread").recorder))

        assert isinstance(ended.outcome, Failed)
        assert ended.outcome.fault.exception.endswith("InvalidSettings")
