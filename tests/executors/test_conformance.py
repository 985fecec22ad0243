"""What every executor must do, asked of each of them by the same tests."""

from __future__ import annotations

import json
import time
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock
from decimal import Decimal
from uuid import UUID

import pytest

from django_jobs import JobSpec
from django_jobs.exceptions import NotStorable
from django_jobs.models import Job
from django_jobs.outcomes import Cancelled, Expired, Failed, Parked, Snoozed, Succeeded
from testproject.ledger.models import Gate
from tests.executors.bench import is_about

#: Bytes of an argument that is large.
LARGE = 10 * 2**20


class TestReturning:
    def test_nothing(self, bench):
        assert bench.run("nothing") == Succeeded()

    def test_a_value_by_position_and_by_name(self, bench):
        spec = JobSpec(f"{bench.kind}.give_back", args=(1, "é"), kwargs={"a": None})
        made = spec.prepare()

        outcome = bench.run("give_back", args=made.args, kwargs=made.kwargs)

        assert json.loads(outcome.result) == [[1, "é"], {"a": None}]

    def test_each_job_gets_its_own_arguments_and_the_order_is_kept(self, one_at_a_time):
        jobs = [one_at_a_time.job("give_back", number) for number in range(50)]

        one_at_a_time.submit(*jobs)

        results = [json.loads(outcome.result)[0] for outcome in one_at_a_time.outcomes(*jobs)]
        assert results == [[number] for number in range(50)]
        heard = [job for what, job in one_at_a_time.witness.heard if what == "begun"]
        assert heard == [job.id for job in jobs]

    def test_the_beginning_is_told_before_the_end_and_the_end_before_it_is_collected(self, bench):
        job = bench.job("nothing")

        bench.submit(job)
        (ended,) = bench.finished(job)

        told = [what for what, id_ in bench.witness.heard if id_ == job.id]
        assert told == ["begun", "ended"]
        assert 0 <= ended.elapsed < 20
        assert ended.ended <= time.monotonic()

    def test_an_unknown_function_is_parked(self, bench, quiet):
        outcome = bench.run("nothing", name="shop.jobs.from_the_next_release")

        assert isinstance(outcome, Parked)
        assert "shop.jobs.from_the_next_release" in outcome.reason

    def test_what_has_expired_before_it_could_begin_is_not_called(self, bench):
        assert bench.run("go_wrong", "raise", expires=time.monotonic()) == Expired()

    def test_arguments_that_do_not_fit_fail_the_attempt(self, bench, quiet):
        outcome = bench.run("go_wrong", "raise", args="[]", kwargs='{"hwo":1}')

        assert "hwo" in outcome.fault.message


class TestPayloads:
    @pytest.mark.parametrize(
        "value",
        [
            [],
            {},
            "",
            2**53 + 1,
            -(10**1000),
            1e22,
            Decimal("1.10"),
            datetime(2026, 3, 29, 1, 30, tzinfo=UTC),
            date(2026, 2, 28),
            clock(12, 30, 0, 5),
            timedelta(days=-1, microseconds=3),
            UUID(int=7),
            (1, (2, "x")),
            {"$datetime": "mine"},
            "\U0001f600 é \\u0000",
        ],
        ids=lambda value: f"{type(value).__name__} {ascii(value)[:9]}",
    )
    def test_it_goes_in_and_comes_back_the_same(self, bench, value):
        from django_jobs.encoding import decode

        [[args, kwargs]] = [decode(bench.run("give_back", value).result)]

        assert (args, kwargs) == ([value], {})
        assert type(args[0]) is type(value)

    def test_ten_megabytes(self, bench):
        outcome = bench.run("give_back", "x" * LARGE)

        assert len(outcome.result) > LARGE

    @pytest.mark.parametrize(
        ("value", "why"),
        [
            ("a\x00b", "NUL"),
            ("\ud800", "surrogate"),
            (float("nan"), "JSON has no nan"),
            (float("-inf"), "JSON has no -inf"),
            (b"bytes", "base64"),
            ({1, 2}, "sorted list"),
            (10**5000, "so many digits"),
            (object(), "cannot be stored"),
        ],
        ids=["NUL", "surrogate", "nan", "inf", "bytes", "set", "many digits", "object"],
    )
    def test_what_cannot_be_stored_is_refused_before_there_is_a_job(self, bench, value, why):
        with pytest.raises(NotStorable, match=why):
            bench.job("give_back", value)

    def test_what_is_nested_too_deep_is_refused_before_there_is_a_job(self, bench):
        deep: list[object] = []
        for _ in range(500):
            deep = [deep]

        with pytest.raises(NotStorable, match="nested more than 300 deep"):
            bench.job("give_back", deep)

    def test_what_may_be_nested_at_the_most_arrives(self, bench):
        deep: list[object] = []
        for _ in range(295):
            deep = [deep]

        assert isinstance(bench.run("give_back", deep), (Succeeded, Failed))

    @pytest.mark.django_db(transaction=True)
    def test_a_model_instance_is_fetched_anew(self, bench):
        gate = Gate.objects.create(name="mine")

        outcome = bench.run("give_back", gate)

        assert json.loads(outcome.result)[0] == [{"$model": ["ledger.gate", gate.pk, "default"]}]

    @pytest.mark.django_db(transaction=True)
    def test_a_model_instance_whose_row_is_gone_fails_the_attempt(self, bench, quiet):
        gate = Gate.objects.create(name="mine")
        job = bench.job("give_back", gate)
        gate.delete()

        bench.submit(job)
        (outcome,) = bench.outcomes(job)

        assert outcome.fault.exception.endswith("Gate.DoesNotExist")

    @pytest.mark.parametrize("what", ["set", "nan", "nul", "surrogate", "object", "open file"])
    def test_a_result_that_cannot_be_stored_fails_the_job_for_good(self, bench, quiet, what):
        outcome = bench.run("return_unstorable", what)

        assert isinstance(outcome, Failed)
        assert outcome.delay is None
        assert outcome.fault.exception.endswith("NotStorable")
        assert outcome.fault.message.startswith("the result: ")


@pytest.mark.usefixtures("quiet")
class TestGoingWrong:
    @pytest.mark.parametrize(
        ("how", "exception", "message"),
        [
            ("raise", "builtins.ValueError", "it went wrong"),
            ("exit", "builtins.SystemExit", "7"),
            ("interrupt", "builtins.KeyboardInterrupt", ""),
            ("base", "builtins.BaseException", "the root of it all"),
            ("cancelled by itself", "asyncio.exceptions.CancelledError", "of its own accord"),
            ("nul", "builtins.ValueError", "a NUL \N{REPLACEMENT CHARACTER} and half a pair ?"),
            ("group", "builtins.ExceptionGroup", "several (2 sub-exceptions)"),
            ("unpicklable", "<locals>.Unpicklable", "cannot travel"),
            ("unprintable", "<locals>.Unprintable", "<RuntimeError while describing the error>"),
            ("exit while told", "<locals>.Unprintable", "<SystemExit while describing the error>"),
            ("deep", "builtins.RecursionError", "maximum recursion depth exceeded"),
        ],
    )
    def test_the_attempt_fails_with_what_was_raised(self, bench, how, exception, message):
        outcome = bench.run("go_wrong", how)

        assert isinstance(outcome, Failed)
        assert is_about(outcome.delay, 7)
        assert outcome.fault.exception.endswith(exception)
        assert outcome.fault.message.startswith(message)
        assert len(outcome.fault.fingerprint) == 16
        json.dumps(outcome.fault).encode()

    def test_the_traceback_begins_where_the_job_does(self, bench):
        outcome = bench.run("go_wrong", "raise")

        first = outcome.fault.traceback.splitlines()[1]
        assert "trials.py" in first
        assert "raise ValueError" in outcome.fault.traceback

    def test_one_failure_has_one_fingerprint_in_all_executors_of_functions(self, bench):
        first, again = bench.run("go_wrong", "raise"), bench.run("go_wrong", "raise")

        assert first.fault.fingerprint == again.fault.fingerprint
        assert first.fault.fingerprint != bench.run("go_wrong", "base").fault.fingerprint

    def test_the_last_attempt_fails_for_good(self, bench):
        assert bench.run("go_wrong", "raise", attempts=3).delay is None

    def test_the_executor_goes_on(self, bench):
        for how in ("exit", "interrupt", "base", "unprintable", "exit while told"):
            bench.run("go_wrong", how)

        assert bench.run("nothing") == Succeeded()


@pytest.mark.usefixtures("quiet")
class TestSteering:
    def test_retry_is_a_failed_attempt_with_its_own_delay(self, bench):
        outcome = bench.run("go_wrong", "retry")

        assert (type(outcome), outcome.delay) == (Failed, 3)

    @pytest.mark.parametrize("how", ["retry at once", "retry never mind when"])
    def test_retry_without_a_delay_that_makes_sense_waits_for_the_backoff(self, bench, how):
        assert is_about(bench.run("go_wrong", how).delay, 7)

    def test_retry_at_the_last_attempt_is_the_end(self, bench):
        assert bench.run("go_wrong", "retry", attempts=3).delay is None

    def test_snooze_costs_nothing_also_at_the_last_attempt(self, bench):
        assert bench.run("go_wrong", "snooze", attempts=3) == Snoozed(5)

    def test_cancel_says_why(self, bench):
        assert bench.run("go_wrong", "cancel") == Cancelled("nobody wants it")

    def test_cancel_for_a_reason_that_cannot_be_told(self, bench):
        outcome = bench.run("go_wrong", "cancel unprintably")

        assert outcome == Cancelled("<RuntimeError while describing the error>")

    @pytest.mark.django_db(transaction=True)
    def test_the_backoff_gets_the_exception_and_the_job(self, bench):
        _, claimed = bench.claim("choose_errors", "retried")

        bench.submit(claimed)
        (outcome,) = bench.outcomes(claimed)

        assert is_about(outcome.delay, 200 + 10 + len("default"))

    @pytest.mark.parametrize("error", ["given up", "not named"])
    def test_errors_that_are_not_tried_again_end_the_job(self, bench, error):
        outcome = bench.run("choose_errors", error)

        assert isinstance(outcome, Failed)
        assert outcome.delay is None


class TestContext:
    def test_it_knows_the_run(self, bench):
        job = bench.job("ask_context", "x", attempts=2, max_attempts=5, claims=7, timeout=60)
        bench.submit(job)

        (outcome,) = bench.outcomes(job)

        told = json.loads(outcome.result)
        assert 0 < told.pop("remaining") <= 60
        assert told == {
            "value": "x",
            "id": job.id,
            "attempt": 2,
            "lease": f"{job.id}:7",
            "name": f"{bench.kind}.ask_context",
            "cancelled": False,
        }

    def test_without_a_limit_there_is_no_end_of_time(self, bench):
        assert json.loads(bench.run("ask_context", timeout=0).result)["remaining"] is None

    @pytest.mark.parametrize(
        ("args", "kwargs", "seen"),
        [
            ('["x"]', "{}", ["x", "1", "b"]),
            ('["x","y"]', "{}", ["x", "1", "y"]),
            ('["x"]', '{"second":"z"}', ["x", "1", "z"]),
            ("[]", '{"second":"z","first":"a"}', ["a", "1", "z"]),
        ],
    )
    def test_it_takes_its_place_among_the_arguments(self, bench, args, kwargs, seen):
        outcome = bench.run("mind_the_place", "x", args=args, kwargs=kwargs)

        assert json.loads(outcome.result) == seen

    def test_what_a_job_tells_arrives_before_its_end(self, bench):
        job = bench.job("ask_context", "x")
        bench.submit(job)
        bench.outcomes(job)

        lines, progress = bench.told_by(job)

        assert lines == ["asked about x"]
        assert progress is not None
        assert (progress["done"], progress["total"], progress["message"]) == (1, 2, "half way")

    def test_of_too_much_the_last_word_arrives(self, bench):
        job = bench.job("tell_too_much")
        bench.submit(job)
        bench.outcomes(job)

        lines, progress = bench.told_by(job)

        assert lines[-1] == "line 999 \N{REPLACEMENT CHARACTER} ?"
        assert progress is not None
        assert progress["message"] == "all of it"


def test_rows_in_the_table_are_what_the_suite_runs(bench, transactional_db):
    row, claimed = bench.claim("give_back", 5)

    bench.submit(claimed)

    assert json.loads(bench.outcomes(claimed)[0].result) == [[5], {}]
    assert Job.objects.get(pk=row.pk).state == "running"
