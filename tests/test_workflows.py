"""Workflows as those see them who enqueue them: rows, results, waiting, steering."""

from __future__ import annotations

import threading
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.db import transaction

from django_jobs import (
    Flow,
    JobContext,
    JobSpec,
    aenqueue,
    chain,
    enqueue,
    enqueue_many,
    explain,
    group,
    previous,
    registry,
    result_of,
    signals,
)
from django_jobs.definitions import define
from django_jobs.exceptions import InvalidOption, JobGone, UniqueKeyHeld, UnknownQueue, WaitTimeout
from django_jobs.models import Edge, Job, Step, Workflow
from django_jobs.models.results import value_of
from django_jobs.orders import WorkerOptions
from django_jobs.worker.worker import Worker
from testproject.ledger.jobs import fail, give_back, nothing
from tests.flowing import job_named, now, run, run_all, settle, spec, states_of
from tests.samples import anything, once_per_order

pytestmark = pytest.mark.django_db


@pytest.fixture
def work(own_registry, transactional_db):
    """Return a function that runs all there is to run."""

    def work():
        Worker(WorkerOptions(burst=True)).run()

    return work


def declare(function, name, **declared):
    """Let a function of a test be known by a name."""
    registry._definitions[name] = define(function, name, None, **declared)


def last_step(workflow):
    """Return the name of the last step."""
    return workflow.steps.latest("position").name


def give(value):
    return give_back.job.with_kwargs(value=value)


class TestResults:
    def test_a_chain_hands_its_results_on(self, work):
        workflow = chain(give(3), give([previous, "x"]), give({"all": previous})).enqueue()
        work()
        assert now(workflow).state == "succeeded"
        assert dict(workflow.results()) == {
            "give_back": 3,
            "give_back 2": [3, "x"],
            "give_back 3": {"all": [3, "x"]},
        }

    def test_the_results_of_a_group_are_a_list_in_its_order(self, work):
        members = [give(n) for n in range(60)]
        workflow = (group(*members) | give(previous)).enqueue()
        work()
        assert workflow.results()["give_back 2"] == list(range(60))

    def test_results_keep_their_types(self, work):
        value = (Decimal("1.10"), date(2026, 12, 1))
        workflow = (give(value) | give(previous)).enqueue()
        work()
        assert workflow.results()["give_back 2"] == value

    def test_chains_side_by_side_hand_on_a_list(self, work):
        side = group(give("a"), give("b"), chain(give("x"), give("c")), group(give("d"), give("e")))
        workflow = (side | give(previous)).with_options(name="x").enqueue()
        work()
        last = last_step(workflow)
        assert workflow.results()[last] == ["a", "b", "c", ["d", "e"]]

    def test_what_has_met_in_a_join_is_handed_on(self, work):
        first = group(chain(give(0), give(1)), chain(give(0), give(2)))
        workflow = (first | group(give(previous), give([previous]))).enqueue()
        work()
        last = last_step(workflow)
        assert workflow.results()[last] == [[1, 2], [[1, 2]]]

    def test_results_of_steps_by_name(self, work):
        flow = (
            Flow("f")
            .step("one", give(1))
            .step("many", [give(2), give(3)], after="one")
            .step("sum", give([result_of("one"), result_of("many"), previous]), after="many")
            .step("both", give(previous), after=["one", "many"])
        )
        workflow = flow.enqueue()
        work()
        assert workflow.results()["sum"] == [1, [2, 3], [2, 3]]
        assert workflow.results()["both"] == [1, [2, 3]]

    def test_the_result_of_what_failed_is_none(self, work):
        bad = fail.job.with_kwargs(message="no")
        workflow = (group(give(1), bad) | give(previous)).with_options(on_failure="go_on").enqueue()
        work()
        last = last_step(workflow)
        assert workflow.results()[last] == [1, None]

    def test_a_coroutine_and_an_atomic_job_are_handed_results_too(self, work):
        async def coroutine(value):
            return [value]

        def atomic(value):
            return (value,)

        declare(coroutine, "coroutine")
        declare(atomic, "atomic", atomic=True)
        one, other = (JobSpec(name).with_args(previous) for name in ("coroutine", "atomic"))
        workflow = chain(give(1), one, other).enqueue()
        work()
        assert list(workflow.results().values()) == [1, [1], ([1],)]

    def test_one_question_is_asked_for_what_is_handed_on(self, django_assert_num_queries):
        workflow = (group(*map(spec, "abc")) | spec("d")).enqueue()
        run()
        step = workflow.steps.get(position=0)
        with django_assert_num_queries(1):
            assert value_of(["all", step.pk], using="default") == ["a", "b", "c"]

    def test_a_result_is_read_once(self, django_assert_num_queries):
        results = Flow("f").step("one", spec("a")).enqueue().results()
        run()
        assert results["one"] == "a"
        with django_assert_num_queries(0):
            assert results["one"] == "a"

    def test_an_unknown_step_is_answered_with_the_nearest(self):
        workflow = Flow("f").step("load", spec()).enqueue()
        with pytest.raises(KeyError, match="Did you mean 'load'"):
            workflow.results()["laod"]
        assert len(workflow.results()) == 1
        assert "load" in workflow.results()
        assert repr(workflow.results()) == "<results of load>"

    def test_the_callback_of_a_batch_gets_its_results(self, work):
        workflow = group(give(1), give(2)).then(give_back).enqueue()
        work()
        assert workflow.results()["give_back 2"] == [1, 2]


class TestContext:
    def test_a_job_knows_its_workflow_and_the_results_before_it(self, work):
        told = []

        def look(context: JobContext):
            told.append((context.workflow, context.results.get("first")))

        declare(look, "look")
        workflow = (
            Flow("f").step("first", give(7)).step("look", JobSpec("look"), after="first").enqueue()
        )
        enqueue(JobSpec("look"))
        work()
        assert sorted(told, key=str) == sorted([(workflow.pk, 7), (None, None)], key=str)


class TestRow:
    def test_what_is_given_is_on_the_row(self):
        work = chain(spec("a"), name="mine", on_failure="go_on", meta={"by": "me"})
        row = enqueue(work)
        assert (row.name, row.on_failure, row.meta, row.size) == ("mine", "go_on", {"by": "me"}, 1)
        assert (now(row).state, str(row)) == ("running", f"mine #{row.pk}")

    def test_a_workflow_is_waited_for(self, work):
        workflow = chain(nothing, nothing).enqueue()
        with pytest.raises(WaitTimeout):
            workflow.wait(0.01)
        thread = threading.Thread(target=work)
        thread.start()
        try:
            assert workflow.wait(20).state == "succeeded"
        finally:
            thread.join()
        workflow.delete()
        with pytest.raises(JobGone):
            workflow.wait(1)

    def test_it_is_enqueued_by_coroutines_too(self, transactional_db):
        async def both():
            first = await aenqueue(chain(nothing, nothing))
            second = await chain(nothing).aenqueue()
            return first, second, await sync_to_async(lambda: first.progress)()

        first, second, progress = async_to_sync(both)()
        assert {first.pk, second.pk} == set(Workflow.objects.values_list("pk", flat=True))
        assert (progress.done, progress.total) == (0, 2)

    def test_progress_leaves_out_the_clean_up(self):
        workflow = chain(spec("a"), spec("b"), cleanup=spec("t")).enqueue()
        run()
        assert workflow.progress == (1, 2)

    def test_its_graph_is_told_in_the_language_of_graphviz(self):
        flow = Flow('a "name"').step("one", spec("a")).step("two", [spec("b")] * 3, after="one")
        dot = flow.enqueue().as_dot()
        one, two = Step.objects.order_by("pk").values_list("pk", flat=True)
        assert dot.splitlines()[0] == 'digraph "a \\"name\\"" {'
        assert f'{one} [label="one\\nrunning"];' in dot
        assert "two \N{MULTIPLICATION SIGN} 3: 0 done\\nwaiting" in dot
        assert f"{one} -> {two};" in dot

    def test_it_is_cancelled_and_retried_as_a_whole(self):
        workflow = chain(spec("a"), spec("b")).enqueue()
        assert workflow.cancel() == 2
        settle()
        assert now(workflow).state == "cancelled"
        assert workflow.retry() == 2
        assert now(workflow).state == "running"

    def test_its_jobs_are_at_hand(self):
        workflow = chain(spec("a"), spec("b")).enqueue()
        nothing.enqueue()
        assert workflow.jobs.count() == 2


class TestEnqueue:
    def test_a_key_that_a_live_job_holds_refuses_the_whole(self):
        holder = once_per_order.enqueue(3)
        work = group(spec("a"), once_per_order.job.with_args(3)) | spec("b")
        with pytest.raises(UniqueKeyHeld, match=f"'order-3' is held by .* #{holder.pk}"):
            work.enqueue()
        assert not Workflow.objects.exists()
        assert not Step.objects.exists()
        assert Job.objects.count() == 1

    def test_a_key_that_two_of_its_jobs_want_refuses_the_whole(self):
        with pytest.raises(UniqueKeyHeld, match="held by another job of it"):
            chain(spec("a", unique_key="k"), spec("b", unique_key="k")).enqueue()
        assert not Job.objects.exists()

    def test_keys_of_its_own_are_no_trouble(self):
        workflow = chain(spec("a", unique_key="k"), spec("b", unique_key="l")).enqueue()
        assert run_all() == [["a"], ["b"]]
        assert now(workflow).state == "succeeded"

    def test_a_refusal_leaves_the_callers_transaction_usable(self):
        once_per_order.enqueue(3)
        with transaction.atomic():
            nothing.enqueue()
            with pytest.raises(UniqueKeyHeld):
                chain(once_per_order.job.with_args(3)).enqueue()
        assert Job.objects.count() == 2

    def test_arguments_that_do_not_fit_are_refused_and_nothing_is_written(self):
        work = chain(anything, give_back.job.with_kwargs(valeu=3))
        with pytest.raises(TypeError, match="value"):
            work.enqueue()
        assert not Workflow.objects.exists()

    def test_queues_are_checked_where_they_must_be_declared(self, settings):
        settings.DJANGO_JOBS = {"STRICT_QUEUES": True}
        with pytest.raises(UnknownQueue):
            chain(spec("a"), spec("b", queue="nowhere")).enqueue()

    def test_many_are_not_enqueued_at_once_with_jobs(self):
        work: Any = [chain(spec("a"))]
        with pytest.raises(InvalidOption, match="enqueue"):
            enqueue_many(work)

    def test_its_jobs_are_told_of_by_the_signal(self, django_capture_on_commit_callbacks):
        told = []

        def receiver(job, **sent):
            told.append(job.pk)

        signals.job_enqueued.connect(receiver)
        try:
            with django_capture_on_commit_callbacks(execute=True):
                chain(spec("a"), spec("b")).enqueue()
        finally:
            signals.job_enqueued.disconnect(receiver)
        assert told == list(Job.objects.order_by("pk").values_list("pk", flat=True))

    def test_a_large_one_is_a_few_statements(self, django_assert_max_num_queries):
        work = group(*(spec(str(n)) for n in range(2000))) | spec("last")
        with django_assert_max_num_queries(10):
            work.enqueue()
        assert Job.objects.filter(state="blocked").count() == 1
        assert Edge.objects.count() == 1

    def test_a_job_keeps_what_its_spec_says(self):
        work = chain(spec("a"), spec("b", priority=7, queue="mail", meta={"x": 1}))
        work.enqueue()
        row = job_named("b")
        assert (row.priority, row.queue, row.meta, row.unsettled) == (7, "mail", {"x": 1}, True)


class TestInsideJobs:
    def test_an_atomic_job_makes_a_workflow_or_none(self, work):
        def make(fails):
            chain(nothing, nothing).enqueue()
            if fails:
                raise ValueError("no")

        declare(make, "make", atomic=True)
        enqueue(JobSpec("make", kwargs={"fails": True}))
        work()
        assert not Workflow.objects.exists()
        enqueue(JobSpec("make", kwargs={"fails": False}))
        work()
        assert Workflow.objects.get().state == "succeeded"


class TestExplain:
    def test_a_blocked_job_says_which_steps_it_waits_for(self):
        flow = (
            Flow("f")
            .step("load", [spec("a"), spec("b")])
            .step("check", spec("c"))
            .step("last", spec("d"), after=["load", "check"])
        )
        flow.enqueue()
        run(most=1)
        told = explain(job_named("d"))
        assert told.headline == "It is blocked."
        assert [reason.code for reason in told.reasons] == ["blocked"]
        text = told.reasons[0].text
        assert "'load' (1 of 2 jobs has ended)" in text
        assert "'check' (0 of 1 job has ended)" in text

    def test_the_clean_up_says_what_it_is_there_for(self):
        chain(spec("a"), cleanup=spec("t")).enqueue()
        text = explain(job_named("t")).reasons[0].text
        assert "all else in the workflow" in text

    def test_what_was_cancelled_because_of_a_failure_says_so(self):
        workflow = chain(spec("a"), spec("b")).enqueue()
        run(failing=["a"])
        texts = [reason.text for reason in explain(job_named("b")).reasons]
        assert any(f"#{job_named('a').pk}" in text for text in texts)
        assert list(states_of(workflow).values()) == ["failed", "cancelled"]
