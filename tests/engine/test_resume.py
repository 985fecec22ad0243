"""retry, for workflows: what was given up because of a failure goes on."""

from __future__ import annotations

import random

import pytest
from django.utils import timezone

from django_jobs import Flow, chain, engine, group
from django_jobs.models import Job, Workflow
from django_jobs.states import LIVE
from tests.flowing import (
    assert_counts,
    job_named,
    names,
    now,
    run,
    run_all,
    settle,
    spec,
    states_of,
)
from tests.rows import RETENTION, make_job

pytestmark = pytest.mark.django_db


def retry(*wanted):
    ids = [job_named(name).pk for name in wanted]
    return engine.retry(ids, using="default")


def cancel_job(name):
    engine.cancel([job_named(name).pk], retention=60, using="default")
    settle()


def test_a_failed_step_that_is_retried_resumes_the_workflow():
    # Given a chain whose first job has failed
    workflow = chain(spec("a"), spec("b"), spec("c")).enqueue()
    run_all(failing=["a"])
    assert now(workflow).state == "failed"
    # When it is retried
    assert retry("a") == 1
    # Then the workflow runs, and what was cancelled waits again
    row = now(workflow)
    assert (row.state, row.finished_at, row.prune_at, row.steps_left) == ("running", None, None, 3)
    assert (names(state="ready"), names(state="blocked")) == (["a"], ["b", "c"])
    assert job_named("b").note is None
    assert job_named("b").ended_by is None
    assert_counts(workflow)
    # And it comes to its end
    assert run_all() == [["a"], ["b"], ["c"]]
    assert now(workflow).state == "succeeded"
    assert_counts(workflow)


def test_a_cancelled_job_is_retried_by_retrying_what_is_to_blame_for_it():
    workflow = chain(spec("a"), spec("b"), spec("c")).enqueue()
    run_all(failing=["a"])

    assert retry("c") == 1

    assert (names(state="ready"), names(state="blocked")) == (["a"], ["b", "c"])
    assert_counts(workflow)


def test_all_jobs_of_a_workflow_are_retried_at_once():
    workflow = (group(spec("a"), spec("b"), spec("c")) | spec("d")).enqueue()
    run_all(failing=["a", "b"])

    assert engine.retry_workflow(workflow.pk, using="default") == 3

    assert (names(state="ready"), names(state="blocked")) == (["a", "b"], ["d"])
    assert run_all() == [["a", "b"], ["d"]]
    assert_counts(workflow)


def test_what_comes_after_a_failure_that_stays_stays_cancelled():
    workflow = (group(spec("a"), spec("b")) | spec("d")).enqueue()
    run_all(failing=["a", "b"])

    assert retry("a") == 1

    assert names(state="ready") == ["a"]
    assert job_named("d").state == "cancelled"
    assert_counts(workflow)
    run_all()
    assert now(workflow).state == "failed"
    assert job_named("d").state == "cancelled"
    assert retry("b") == 1
    run_all()
    assert now(workflow).state == "succeeded"
    assert_counts(workflow)


def test_a_retry_before_the_rest_has_ended_brings_back_what_was_cancelled():
    workflow = (group(spec("a"), spec("b")) | spec("d")).enqueue()
    run(failing=["a"], most=1)
    assert job_named("d").state == "cancelled"

    assert retry("a") == 1

    assert job_named("d").state == "blocked"
    assert run_all() == [["a", "b"], ["d"]]
    assert now(workflow).state == "succeeded"
    assert_counts(workflow)


def test_a_retry_before_the_failure_was_told_of_counts_it_once():
    # Given a job that has failed, and whose end nobody was told of
    workflow = chain(spec("a"), spec("b")).enqueue()
    engine.cancel([job_named("a").pk], retention=60, using="default")
    # When it is retried
    assert retry("a") == 1
    settle()
    # Then it is as if nothing had been
    assert_counts(workflow)
    assert run_all() == [["a"], ["b"]]
    assert now(workflow).state == "succeeded"


def test_the_clean_up_waits_anew():
    workflow = chain(spec("a"), spec("b"), cleanup=spec("tidy")).enqueue()
    run_all(failing=["a"])
    assert job_named("tidy").state == "succeeded"

    assert retry("a") == 1
    assert job_named("tidy").state == "blocked"
    assert_counts(workflow)
    assert run_all(failing=["a"]) == [["a"], ["tidy"]]
    assert now(workflow).state == "failed"

    assert retry("a") == 1
    run_all()
    assert now(workflow).state == "succeeded"
    assert job_named("tidy").state == "cancelled"


def test_a_clean_up_that_has_failed_can_be_run_again_alone():
    workflow = chain(spec("a"), spec("b"), cleanup=spec("tidy")).enqueue()
    run_all(failing=["a", "tidy"])

    assert retry("tidy") == 1

    assert (now(workflow).state, names(state="ready")) == ("running", ["tidy"])
    run()
    assert now(workflow).state == "failed"
    assert states_of(workflow)["clean-up"] == "succeeded"
    assert_counts(workflow)


def test_nothing_is_retried_while_the_clean_up_runs():
    workflow = chain(spec("a"), spec("b"), cleanup=spec("tidy")).enqueue()
    run(failing=["a"])
    assert job_named("tidy").state == "ready"
    assert retry("a") == 0
    assert_counts(workflow)


def test_a_clean_up_that_was_not_needed_is_not_retried():
    workflow = chain(spec("a"), cleanup=spec("tidy")).enqueue()
    run_all()
    assert retry("tidy") == 0
    assert now(workflow).state == "succeeded"


def test_a_cancelled_workflow_is_resumed_as_a_whole():
    workflow = (group(spec("a"), spec("b")) | spec("c")).enqueue()
    run(most=1)
    engine.cancel_workflow(workflow.pk, retention=RETENTION, using="default")
    settle()

    assert engine.retry_workflow(workflow.pk, using="default") == 2

    assert (names(state="ready"), names(state="blocked")) == (["b"], ["c"])
    assert_counts(workflow)
    run_all()
    row = now(workflow)
    assert (row.state, row.cancelled_at) == ("succeeded", None)


def test_a_job_that_was_cancelled_alone_is_retried_alone():
    workflow = chain(spec("a"), spec("b"), spec("c")).enqueue()
    cancel_job("b")
    assert (job_named("a").state, job_named("c").state) == ("ready", "cancelled")

    assert retry("b") == 1

    assert names(state="blocked") == ["b", "c"]
    assert_counts(workflow)
    assert run_all() == [["a"], ["b"], ["c"]]
    assert_counts(workflow)


def test_where_it_goes_on_the_steps_after_it_do_not_run_again():
    workflow = chain(spec("a"), spec("b"), on_failure="go_on").enqueue()
    run_all(failing=["a"])

    assert retry("a") == 1

    assert_counts(workflow)
    assert run_all() == [["a"]]
    assert now(workflow).state == "succeeded"
    assert_counts(workflow)


def test_a_join_after_a_failure_is_opened_again():
    pairs = [chain(spec(f"a{n}"), spec(f"b{n}")) for n in range(2)]
    workflow = (group(*pairs) | group(spec("c"), spec("d"))).enqueue()
    run_all(failing=["a0"])

    assert retry("a0") == 1

    assert_counts(workflow)
    assert run_all() == [["a0"], ["b0"], ["c", "d"]]
    assert now(workflow).state == "succeeded"
    assert_counts(workflow)


def test_a_key_that_another_job_holds_keeps_the_workflow_as_it_is():
    workflow = chain(spec("a", unique_key="k"), spec("b")).enqueue()
    run_all(failing=["a"])
    make_job(unique_key="k")
    assert retry("a") == 0
    assert now(workflow).state == "failed"
    assert_counts(workflow)


def test_a_workflow_past_its_time_is_not_retried():
    chain(spec("a")).enqueue()
    run_all(failing=["a"])
    Workflow.objects.update(prune_at=timezone.now())
    assert retry("a") == 0


def test_other_jobs_are_retried_beside_those_of_workflows():
    chain(spec("a"), spec("b")).enqueue()
    run_all(failing=["a"])
    plain = make_job("failed")
    assert engine.retry([plain.pk, job_named("a").pk], using="default") == 2
    assert Job.objects.ready().count() == 2


@pytest.mark.parametrize("policy", ["stop", "go_on"])
@pytest.mark.parametrize("seed", range(8))
def test_whatever_fails_and_is_retried_in_whatever_order_it_comes_to_its_end(seed, policy):
    # Given a graph of steps, each after some of those before it
    rng = random.Random(seed)
    flow = Flow("graph", on_failure=policy, cleanup=spec("tidy"))
    for n in range(12):
        after = rng.sample([f"s{m}" for m in range(n)], min(n, rng.randint(0, 3)))
        jobs = [spec(f"{n}.{m}") for m in range(rng.randint(1, 3))]
        flow = flow.step(f"s{n}", jobs, after=after)
    workflow = flow.enqueue()
    everything = set(names()) - {"tidy"}
    # When jobs fail, are cancelled and retried at random
    for _ in range(60):
        what = rng.random()
        if what < 0.5:
            run(failing=rng.sample(sorted(everything), 8), most=rng.randint(1, 4))
        elif what < 0.6:
            engine.cancel(
                [job_named(rng.choice(sorted(everything))).pk], retention=60, using="default"
            )
        elif what < 0.7:
            settle()
        elif what < 0.75:
            engine.retry_workflow(workflow.pk, using="default")
        else:
            retry(*rng.sample(sorted(everything), 3))
        assert_counts(workflow)
        assert_order(workflow)
    # Then it still comes to a good end
    for _ in range(5):
        run_all()
        engine.retry_workflow(workflow.pk, using="default")
    settle()
    assert_counts(workflow)
    assert now(workflow).state == "succeeded", states_of(workflow)
    assert set(names(state="succeeded")) >= everything
    assert not Job.objects.filter(state__in=LIVE).exists()


def assert_order(workflow):
    """No job is ready unless all the steps before its own have ended."""
    for step in workflow.steps.filter(jobs__state="ready", jobs__attempts=0, kind="jobs"):
        if workflow.on_failure == "stop":
            assert step.waits_left == 0, step
