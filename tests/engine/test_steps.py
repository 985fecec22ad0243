"""settle, for workflows: what comes after a step begins when the step has ended, and not before."""

from __future__ import annotations

import random
from datetime import timedelta
from functools import partial

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from django_jobs import Flow, chain, engine, enqueue, group
from django_jobs.models import Edge, Job, Step, Workflow
from django_jobs.outcomes import Snoozed, Succeeded
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
from tests.rows import FAILED, RETENTION, RETRIED, claim, ended, finish, rescue_dead, sql
from tests.threads import at_once

pytestmark = pytest.mark.django_db


def test_the_jobs_of_a_chain_run_one_after_the_other():
    workflow = chain(spec("a"), spec("b"), spec("c")).enqueue()

    assert names(state="ready") == ["a"]
    assert names(state="blocked") == ["b", "c"]
    assert run_all() == [["a"], ["b"], ["c"]]
    assert now(workflow).state == "succeeded"
    assert set(states_of(workflow).values()) == {"succeeded"}
    assert_counts(workflow)


def test_what_comes_after_a_group_waits_for_all_of_it():
    workflow = (group(spec("a"), spec("b"), spec("c")) | spec("d")).enqueue()

    run(most=2)
    assert names(state="blocked") == ["d"]
    assert workflow.progress == (2, 4)
    assert_counts(workflow)
    run()
    assert names(state="ready") == ["d"]
    run()
    assert now(workflow).state == "succeeded"
    assert workflow.progress == (4, 4)


def test_steps_by_name_wait_for_those_that_they_name():
    flow = (
        Flow("import")
        .step("read", spec("read"))
        .step("left", spec("left"), after="read")
        .step("right", [spec("r1"), spec("r2")], after=["read"])
        .step("both", spec("both"), after=["left", "right"])
    )
    workflow = flow.enqueue()

    assert run_all() == [["read"], ["left", "r1", "r2"], ["both"]]
    assert (now(workflow).name, now(workflow).state) == ("import", "succeeded")


def test_two_groups_of_chains_meet_in_one_step():
    chains = [chain(spec(f"a{n}"), spec(f"b{n}")) for n in range(5)]
    after = [chain(spec(f"c{n}"), spec(f"d{n}")) for n in range(5)]
    workflow = (group(*chains) | group(*after)).enqueue()

    assert Edge.objects.count() == 5 + 5 + 5 + 5
    assert [len(ran) for ran in run_all()] == [5, 5, 5, 5]
    assert now(workflow).state == "succeeded"
    assert_counts(workflow)


def test_a_job_that_is_to_run_later_is_scheduled_when_its_turn_comes():
    chain(spec("a"), spec("b", scheduled_at=timedelta(hours=1))).enqueue()

    assert job_named("b").state == "blocked"
    run()
    assert job_named("b").state == "scheduled"


def test_a_job_that_is_tried_again_has_not_ended():
    workflow = chain(spec("a", max_attempts=3), spec("b")).enqueue()
    for outcome in (RETRIED, Snoozed(0.0)):
        [job] = claim()
        finish(ended(job, outcome))
        settle()
        assert job_named("b").state == "blocked"
        engine.promote(using="default")
    run()
    assert job_named("b").state == "ready"
    assert_counts(workflow)


# Failures -------------------------------------------------------------------------------------


def test_after_a_failure_what_comes_after_it_is_cancelled_and_the_rest_goes_on():
    flow = (
        Flow("x")
        .step("bad", spec("bad"))
        .step("good", spec("good"))
        .step("after bad", spec("after bad"), after="bad")
        .step("later", spec("later"), after=["after bad", "good"])
        .step("after good", spec("after good"), after="good")
    )
    workflow = flow.enqueue()

    run_all(failing=["bad"])

    assert states_of(workflow) == {
        "bad": "failed",
        "good": "succeeded",
        "after bad": "cancelled",
        "later": "cancelled",
        "after good": "succeeded",
    }
    assert now(workflow).state == "failed"
    for name in ("after bad", "later"):
        job = job_named(name)
        assert (job.state, job.ended_by) == ("cancelled", job_named("bad").pk)
        assert job.note == f"A job of a step before it has not succeeded: #{job.ended_by}"
    assert_counts(workflow)


def test_the_rest_of_a_group_goes_on_when_one_has_failed():
    workflow = (group(spec("a"), spec("b"), spec("c")) | spec("d") | spec("e")).enqueue()

    run(failing=["a"], most=1)

    assert names(state="cancelled") == ["d", "e"]
    assert now(workflow).state == "running"
    run()
    assert names(state="succeeded") == ["b", "c"]
    assert now(workflow).state == "failed"
    assert_counts(workflow)


def test_a_failure_closes_the_joins_after_it():
    pairs = [chain(spec(f"a{n}"), spec(f"b{n}")) for n in range(2)]
    workflow = (group(*pairs) | group(spec("c"), spec("d"))).enqueue()

    run_all(failing=["a0"])

    assert states_of(workflow)["join"] == "cancelled"
    assert now(workflow).state == "failed"
    assert_counts(workflow)


def test_each_cancelled_job_names_the_failure_that_it_comes_after():
    workflow = group(chain(spec("a"), spec("after a")), chain(spec("b"), spec("after b"))).enqueue()

    run(failing=["a", "b"])

    assert job_named("after a").ended_by == job_named("a").pk
    assert job_named("after b").ended_by == job_named("b").pk
    assert now(workflow).state == "failed"


def test_where_it_shall_go_on_the_steps_after_a_failure_run_all_the_same():
    workflow = (group(spec("a"), spec("b")) | spec("c")).with_options(on_failure="go_on").enqueue()

    assert run_all(failing=["a"]) == [["a", "b"], ["c"]]

    assert list(states_of(workflow).values()) == ["failed", "succeeded"]
    assert now(workflow).state == "failed"
    assert_counts(workflow)


@pytest.mark.parametrize("policy", ["stop", "go_on"])
def test_a_job_that_is_cancelled_alone_counts_as_a_failure(policy):
    workflow = chain(spec("a"), spec("b"), spec("c"), on_failure=policy).enqueue()
    engine.cancel([job_named("b").pk], retention=60, using="default")
    settle()
    assert_counts(workflow)

    run_all()

    ran = ["a"] if policy == "stop" else ["a", "c"]
    assert names(state="succeeded") == ran
    assert now(workflow).state == "failed"
    assert_counts(workflow)


def test_a_step_whose_jobs_were_cancelled_does_not_open_the_next_before_its_turn():
    workflow = chain(spec("a"), spec("b"), spec("c"), on_failure="go_on").enqueue()
    engine.cancel([job_named("b").pk], retention=60, using="default")
    settle()

    assert job_named("c").state == "blocked"
    run(failing=["a"])
    assert job_named("c").state == "ready"
    assert_counts(workflow)


def test_a_rescued_job_without_attempts_left_fails_its_step(worker):
    workflow = chain(spec("a"), spec("b")).enqueue()
    [job] = claim(worker)
    engine.mark_started([(job.id, job.claims, 1.0)], using="default")
    sql("UPDATE django_jobs_worker SET heartbeat_at = now() - interval '1 hour'")
    rescue_dead()
    settle()

    assert job_named("b").state == "cancelled"
    assert now(workflow).state == "failed"


# Clean-up -------------------------------------------------------------------------------------


def test_the_clean_up_runs_when_all_else_has_ended_and_not_well():
    workflow = chain(spec("a"), spec("b"), cleanup=spec("tidy")).enqueue()
    assert job_named("tidy").state == "blocked"

    run(failing=["a"])

    assert (job_named("tidy").state, now(workflow).state) == ("ready", "running")
    run()
    assert now(workflow).state == "failed"
    assert states_of(workflow)["clean-up"] == "succeeded"
    assert workflow.progress == (2, 2)
    assert_counts(workflow)


def test_a_clean_up_that_is_not_needed_never_runs():
    workflow = chain(spec("a"), cleanup=spec("tidy")).enqueue()

    run_all()

    assert now(workflow).state == "succeeded"
    assert job_named("tidy").state == "cancelled"
    assert job_named("tidy").note == "It was not needed: the workflow has succeeded."
    assert states_of(workflow) == {"anything": "succeeded", "clean-up": "cancelled"}
    assert_counts(workflow)


def test_a_clean_up_that_fails_leaves_the_workflow_failed():
    workflow = chain(spec("a"), cleanup=spec("tidy")).enqueue()
    run_all(failing=["a", "tidy"])
    assert now(workflow).state == "failed"
    assert states_of(workflow)["clean-up"] == "failed"


# Cancel ---------------------------------------------------------------------------------------


def cancel(workflow):
    ids = engine.cancel_workflow(workflow.pk, retention=RETENTION, using="default")
    settle()
    return len(ids)


def test_a_cancelled_workflow_cancels_all_that_has_not_ended_and_cleans_up():
    workflow = (group(spec("a"), spec("b")) | spec("c")).with_options(cleanup=spec("t")).enqueue()
    run(most=1)
    [running] = claim(limit=1)

    assert cancel(workflow) == 2

    assert finish(ended(running)) == {running.id}
    assert names(state="cancelled") == ["b", "c"]
    assert (job_named("t").state, now(workflow).state) == ("ready", "running")
    run()
    assert now(workflow).state == "cancelled"
    assert_counts(workflow)


def test_where_it_shall_go_on_a_cancelled_workflow_does_not():
    workflow = chain(spec("a"), spec("b"), spec("c"), on_failure="go_on").enqueue()
    assert cancel(workflow) == 3
    assert now(workflow).state == "cancelled"
    assert names(state="cancelled") == ["a", "b", "c"]
    assert_counts(workflow)


def test_a_workflow_that_has_ended_is_not_cancelled():
    workflow = chain(spec("a")).enqueue()
    run()
    assert cancel(workflow) == 0
    assert now(workflow).state == "succeeded"


# Many at once ---------------------------------------------------------------------------------


def test_ten_thousand_ends_are_a_write_for_each_batch_and_no_storm():
    workflow = (group(*(spec(str(n)) for n in range(10_000))) | spec("last")).enqueue()
    finish(*map(ended, claim(limit=500)))
    with CaptureQueriesContext(connection) as queries:
        settle()

    written = [query["sql"].split()[1] for query in queries if "UPDATE" in query["sql"].split()[:1]]
    assert written.count('"django_jobs_step"') == 1
    assert '"django_jobs_workflow"' not in written
    while jobs := claim(limit=1000):
        finish(*map(ended, jobs))
        settle()
    assert now(workflow).state == "succeeded"
    assert workflow.progress == (10_001, 10_001)


def test_a_group_after_a_group_is_one_edge():
    (group(*(spec(str(n)) for n in range(1000))) | group(*(spec(str(n)) for n in range(1000)))
     ).enqueue()  # fmt: skip
    assert Edge.objects.count() == 1
    assert Step.objects.count() == 2


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("seed", range(5))
def test_ends_that_are_told_of_by_many_at_once_are_all_counted(seed):
    # Given workflows of groups, and four that run and settle them at once
    random.seed(seed)
    flows = [
        group(*(chain(spec("a"), group(*map(spec, "bcd"))) for _ in range(5)))
        | group(*map(spec, "efgh"))
        | spec("i")
        for _ in range(3)
    ]
    workflows = [flow.enqueue() for flow in flows]

    def work(bad):
        while Job.objects.filter(state__in=LIVE).exists():
            for job in claim(limit=random.randint(1, 7)):
                fails = random.random() < bad
                finish(ended(job, FAILED if fails else Succeeded()))
            settle()

    # When they have done all there is
    at_once(*[partial(work, 0.02 if seed % 2 else 0.0)] * 4)
    settle()
    # Then everything has ended, and is counted
    for workflow in workflows:
        row = now(workflow)
        bad = workflow.jobs.exclude(state="succeeded").exists()
        assert row.state == ("failed" if bad else "succeeded")
        assert_counts(workflow)


@pytest.mark.django_db(transaction=True)
def test_a_workflow_that_somebody_has_in_hand_is_left_and_nobody_waits():
    # Given two workflows, and somebody who holds the row of one of them
    first = chain(spec("a"), spec("b")).enqueue()
    chain(spec("c"), spec("d")).enqueue()
    jobs = claim()
    # When a job of each of them ends
    with transaction.atomic():
        sql(f"SELECT 1 FROM django_jobs_workflow WHERE id = {first.pk} FOR NO KEY UPDATE")
        at_once(lambda: finish(*map(ended, jobs)))
        # Then the other one goes on, and the first one as soon as it is free
        assert (job_named("b").state, job_named("d").state) == ("blocked", "ready")
    settle()
    assert job_named("b").state == "ready"


def test_a_job_whose_workflow_was_deleted_holds_up_nobody():
    workflow = chain(spec("a"), spec("b")).enqueue()
    other = chain(spec("c"), spec("d")).enqueue()
    jobs = claim()
    workflow.delete()
    finish(*map(ended, jobs))

    settle()

    assert not Job.objects.filter(unsettled=True, state="succeeded").exists()
    assert job_named("d").state == "ready"
    assert now(other).state == "running"


# Prune ----------------------------------------------------------------------------------------


def prune(batch=1000):
    return engine.prune(using="default", batch=batch)


def test_the_jobs_of_a_workflow_outlive_the_pruner_until_it_has_ended():
    # Given a workflow of which jobs have ended by any verb, none of them to be kept
    workflow = chain(spec("a"), spec("b"), spec("c")).enqueue()
    finish(*(ended(job, Succeeded('"a"'), retention=0.0) for job in claim()))
    engine.cancel([job_named("c").pk], retention=0, using="default")
    settle()
    assert set(Job.objects.values_list("prune_at", flat=True)) == {None}
    # When the pruner comes by
    assert prune() == 0
    # Then the workflow still completes
    run()
    assert now(workflow).state == "failed"
    assert workflow.results()["anything"] == "a"


def test_a_workflow_is_pruned_with_all_that_belongs_to_it():
    workflow = chain(group(*map(spec, "abcdefg")), spec("h"), cleanup=spec("t")).enqueue()
    kept = chain(spec("x")).enqueue()
    run_all()
    assert prune() == 0
    Workflow.objects.filter(pk=workflow.pk).update(prune_at=timezone.now())

    # When one of its jobs ends once more, which has to be told yet
    Job.objects.filter(pk=workflow.jobs.latest("pk").pk).update(unsettled=True)
    # Then all others go, and the workflow stays until it is told
    assert prune(batch=3) == 8
    assert prune(batch=3) == 0
    assert workflow in Workflow.objects.all()
    Job.objects.update(unsettled=False)
    assert prune(batch=3) == 1

    assert list(Workflow.objects.all()) == [kept]
    assert names() == ["x"]
    assert Step.objects.count() == 1
    assert Edge.objects.count() == 0


def test_enqueue_of_a_workflow_is_part_of_the_callers_transaction():
    with transaction.atomic():
        enqueue(chain(spec("a"), spec("b")))
        transaction.set_rollback(True)
    assert not Workflow.objects.exists()
    assert not Job.objects.exists()
