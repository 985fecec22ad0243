"""Jobs that are not due, or wait for others."""

from __future__ import annotations

from django_jobs.flows import Flow
from django_jobs.models import Link, Workflow
from tests.explainable.kinds import ERROR, ago, ahead, hire, kind
from tests.flowing import job_named, run, spec
from tests.rows import make_job


@kind
def due_in_days():
    hire()
    at = ahead(days=3, hours=2, seconds=30)
    return make_job("scheduled", scheduled_at=at, attempts=1, max_attempts=3, errors=[ERROR])


@kind
def due_already():
    hire()
    return make_job("scheduled", scheduled_at=ago(seconds=1))


@kind
def parked():
    hire()
    return make_job("scheduled", scheduled_at=ahead(minutes=1), note="Parked: 4711.")


@kind
def parked_for_a_reason():
    hire()
    note = "Parked: 4711."
    return make_job("scheduled", scheduled_at=ahead(minutes=1), note=note, name="shop.jobs.new")


@kind
def blocked():
    return make_job("blocked", note="4711.")


@kind
def blocked_by_jobs():
    job = make_job("blocked")
    for state in ("ready", "running", "scheduled", "blocked", "failed"):
        Link.objects.create(waiting=job, awaited=make_job(state))
    return job


@kind
def blocked_by_one_that_is_gone():
    job = make_job("blocked")
    Link.objects.create(waiting=job, awaited_id=1)
    return job


@kind
def blocked_by_very_many():
    job = make_job("blocked")
    Link.objects.bulk_create(Link(waiting=job, awaited_id=n) for n in range(1, 1_001))
    return job


def in_a_workflow(name):
    flow = Flow("nightly", cleanup=spec("tidy")).step("load", [spec("a"), spec("b")])
    flow.step("check", spec("c")).step("last", spec("d"), after=["load", "check"]).enqueue()
    run(most=1)
    return job_named(name)


@kind
def blocked_by_steps():
    return in_a_workflow("d")


@kind
def blocked_to_clean_up():
    return in_a_workflow("tidy")


@kind
def blocked_behind_a_join():
    flow = Flow("nightly").step("load", spec("a")).step("check", spec("b"))
    flow.step("last", [spec("c"), spec("d")], after=["load", "check"]).enqueue()
    return job_named("d")


@kind
def blocked_in_a_workflow_that_is_gone():
    job = blocked_behind_a_join()
    Workflow.objects.all().delete()
    return job
