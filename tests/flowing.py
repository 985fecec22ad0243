"""Workflows without workers: jobs are claimed and ended by the engine, step by step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.models import Count, Q

from django_jobs import JobSpec, engine
from django_jobs.models import Job, Workflow
from django_jobs.outcomes import Outcome, Succeeded
from django_jobs.states import FINISHED, LIVE
from tests.rows import FAILED, RETENTION, claim, ended, finish
from tests.samples import anything


def spec(name: str = "x", **options: Any) -> JobSpec:
    """Return a job that is known by its argument."""
    return JobSpec(func=anything, kwargs={"name": name}, **options)


def settle() -> int:
    """Tell of all ends."""
    return engine.settle(retention=RETENTION, using="default")


def names(**where: Any) -> list[str]:
    """Return the names of the jobs for which this holds, in the order of their ids."""
    jobs = Job.objects.filter(**where).order_by("pk")
    return [str(job.kwargs.get("name")) for job in jobs]


def job_named(name: str) -> Job:
    """Return the job of a name; of several the newest."""
    return Job.objects.filter(kwargs__name=name).latest("pk")


def run(*, failing: Sequence[str] = (), most: int = 1000, result: str | None = None) -> list[str]:
    """Run what is ready, at most so many jobs, and settle; return the names of what ran."""
    jobs = claim(limit=most)
    rows = Job.objects.in_bulk([job.id for job in jobs])
    names = [str(rows[job.id].kwargs.get("name")) for job in jobs]
    outcomes: list[Outcome] = [
        FAILED if name in failing else Succeeded(result or f'"{name}"') for name in names
    ]
    finish(*(ended(job, outcome) for job, outcome in zip(jobs, outcomes, strict=True)))
    settle()
    return names


def run_all(*, failing: Sequence[str] = ()) -> list[list[str]]:
    """Run until nothing is ready; return what ran, round by round."""
    rounds = []
    while ran := run(failing=failing):
        rounds.append(sorted(ran))
    return rounds


def states_of(workflow: Workflow) -> dict[str, str]:
    """Return the states of the steps by name."""
    return dict(workflow.steps.order_by("position").values_list("name", "state"))


def now(workflow: Workflow) -> Workflow:
    """Return the row as it is now."""
    return Workflow.objects.get(pk=workflow.pk)


def assert_counts(workflow: Workflow) -> None:
    """Compare what is counted with the rows: whatever happened, in whatever order."""
    stop = workflow.on_failure == "stop"
    told = Q(jobs__state__in=FINISHED, jobs__unsettled=False)
    steps = workflow.steps.order_by("position").annotate(
        all=Count("jobs"),
        told=Count("jobs", told),
        bad=Count("jobs", told & ~Q(jobs__state="succeeded")),
        live=Count("jobs", Q(jobs__state__in=LIVE)),
    )
    before: dict[int, list[int]] = {}
    for edge in workflow.edges():
        before.setdefault(edge.after_id, []).append(edge.before_id)
    over = {step.pk for step in steps if step.state in ("succeeded", "failed", "cancelled")}
    good = {step.pk for step in steps if step.state == "succeeded"}
    for step in steps:
        assert step.size == step.all, step
        assert step.jobs_left == step.size - step.told, step
        assert step.jobs_failed == step.bad, step
        opened = good if stop else over
        assert step.waits_left == len(set(before.get(step.pk, [])) - opened), step
        assert not (step.pk in over and step.live), step
    row = now(workflow)
    assert row.steps_left == len([s for s in steps if s.kind != "cleanup" and s.pk not in over])
    if row.state != "running":
        assert row.steps_left == 0
        assert row.finished_at is not None
        assert row.prune_at is not None
