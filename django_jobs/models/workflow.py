"""A workflow: jobs in steps, some of which wait for others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, NamedTuple

from django.db import models
from django.db.models import F, Q, QuerySet, Sum, Value
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

import django_jobs
from django_jobs.exceptions import did_you_mean
from django_jobs.models.job import Job
from django_jobs.models.results import value_of
from django_jobs.models.waiting import Waitable
from django_jobs.states import OnFailure, StepState, WorkflowState

_TIMES = "\N{MULTIPLICATION SIGN}"


class Progress(NamedTuple):
    """How many of a workflow's jobs have ended, of all; the clean-up is not counted."""

    done: int
    total: int


class Workflow(Waitable):
    """Jobs in steps. Only the engine changes ``state``."""

    State = WorkflowState

    name = models.CharField(_("name"), max_length=255)
    state = models.CharField(
        _("state"), max_length=9, choices=WorkflowState, default=WorkflowState.RUNNING
    )
    on_failure = models.CharField(
        _("on failure"), max_length=5, choices=OnFailure, default=OnFailure.STOP
    )
    #: Jobs in all, without the clean-up.
    size = models.IntegerField(_("jobs"))
    #: Steps that have not ended, without the clean-up.
    steps_left = models.IntegerField(_("steps left"))
    created_at = models.DateTimeField(_("created at"), db_default=Now())
    #: When somebody cancelled the whole.
    cancelled_at = models.DateTimeField(_("cancelled at"), null=True, blank=True)
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)
    #: When prune may delete the row, its steps and its jobs.
    prune_at = models.DateTimeField(_("kept until"), null=True, blank=True)
    #: Yours.
    meta = models.JSONField(
        _("meta"), default=dict, db_default=Value({}, models.JSONField()), blank=True
    )

    class Meta:
        verbose_name = _("workflow")
        verbose_name_plural = _("workflows")
        indexes = [
            models.Index(
                fields=["prune_at"],
                name="django_jobs_workflow_finished",
                condition=Q(prune_at__isnull=False),
            ),
        ]
        constraints = [
            models.CheckConstraint(
                name="django_jobs_workflow_state",
                condition=Q(state__in=sorted(WorkflowState.values)),
            ),
            models.CheckConstraint(
                name="django_jobs_workflow_counts",
                condition=Q(steps_left__gte=0, size__gte=0),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} #{self.pk}"

    @property
    def is_finished(self) -> bool:
        """Return whether all has ended, the clean-up too."""
        return self.state != WorkflowState.RUNNING

    @property
    def jobs(self) -> QuerySet[Job]:
        """Return its jobs, the clean-up among them."""
        return Job.objects.using(self._state.db).filter(step__workflow=self)

    @property
    def progress(self) -> Progress:
        """Return how many jobs have ended, as they are now."""
        steps = self.steps.using(self._state.db).exclude(kind=Step.Kind.CLEANUP)
        left: int = steps.aggregate(left=Sum("jobs_left", default=0))["left"]
        return Progress(self.size - left, self.size)

    def results(self) -> Results:
        """Return the results by the names of the steps; each is read when it is asked for."""
        return Results(self)

    def cancel(self) -> int:
        """Cancel all of its jobs that have not ended; return how many. The clean-up runs."""
        return django_jobs.cancel(self)

    def retry(self) -> int:
        """Run all of its failed and cancelled jobs again, and what waits for them."""
        return django_jobs.retry(self)

    cancel.alters_data = True  # type: ignore[attr-defined]
    retry.alters_data = True  # type: ignore[attr-defined]

    def edges(self) -> QuerySet[Edge]:
        """Return which step comes before which."""
        edges = Edge.objects.using(self._state.db).filter(before__workflow=self)
        return edges.order_by("after_id", "position")

    def as_dot(self) -> str:
        """Return the graph of the steps in the language of Graphviz."""
        lines = [f"digraph {_quoted(self.name)} {{", "    rankdir=LR;", "    node [shape=box];"]
        for step in self.steps.using(self._state.db).order_by("position"):
            shape = ", shape=point" if step.kind == Step.Kind.JOIN else ""
            label = _quoted(f"{step.title}\n{step.state}")
            lines.append(f"    {step.pk} [label={label}{shape}];")
        lines += [f"    {edge.before_id} -> {edge.after_id};" for edge in self.edges()]
        return "\n".join([*lines, "}"])


class Step(models.Model):
    """Jobs of a workflow that begin together. Steps wait for steps, never jobs for jobs."""

    class Kind(models.TextChoices):
        """What a step is for."""

        JOBS = "jobs", _("jobs")
        #: No jobs: where many steps meet before many others, so that few edges will do.
        JOIN = "join", _("join")
        #: Runs when all else has ended, and not well.
        CLEANUP = "cleanup", _("clean-up")

    State = StepState

    workflow = models.ForeignKey(Workflow, on_delete=models.CASCADE, related_name="steps")
    name = models.CharField(_("name"), max_length=255)
    #: Its place; the steps before it have lower ones. So have ids.
    position = models.IntegerField(_("position"))
    kind = models.CharField(_("kind"), max_length=7, choices=Kind, default=Kind.JOBS)
    #: The function of its jobs; empty where they have several.
    function = models.CharField(_("function"), max_length=255, blank=True)
    #: Its result is the list of the results of its jobs.
    is_group = models.BooleanField(_("group"), default=False)
    #: Of a join: what the result of the steps before it is made of.
    source = models.JSONField(_("source"), null=True, blank=True)
    state = models.CharField(_("state"), max_length=9, choices=StepState, default=StepState.WAITING)
    size = models.IntegerField(_("jobs"))
    #: Jobs whose end was not told yet.
    jobs_left = models.IntegerField(_("jobs left"))
    #: Jobs that have failed or were cancelled.
    jobs_failed = models.IntegerField(_("jobs failed"), default=0)
    #: Steps before it that have not ended.
    waits_left = models.IntegerField(_("waits for"), default=0)

    class Meta:
        verbose_name = _("step")
        verbose_name_plural = _("steps")
        constraints = [
            models.UniqueConstraint(
                fields=["workflow", "name"], name="django_jobs_step_name_once_per_workflow"
            ),
            models.CheckConstraint(
                name="django_jobs_step_state", condition=Q(state__in=sorted(StepState.values))
            ),
            models.CheckConstraint(
                name="django_jobs_step_counts",
                condition=Q(
                    jobs_left__gte=0,
                    jobs_failed__gte=0,
                    waits_left__gte=0,
                    size__gte=F("jobs_left"),
                ),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def done(self) -> int:
        """Return how many of its jobs have ended."""
        return self.size - self.jobs_left

    @property
    def title(self) -> str:
        """Return its name, and how far it has got where it has many jobs."""
        if self.size > 1:
            return f"{self.name} {_TIMES} {self.size:,}: {self.done:,} done"
        return self.name


class Edge(models.Model):
    """One step comes before another one."""

    before = models.ForeignKey(Step, on_delete=models.CASCADE, related_name="edges_out")
    after = models.ForeignKey(Step, on_delete=models.CASCADE, related_name="edges_in")
    #: Its place among the steps before ``after``.
    position = models.IntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["before", "after"], name="django_jobs_edge_once"),
        ]

    def __str__(self) -> str:
        return f"{self.before_id} → {self.after_id}"


class Results(Mapping[str, Any]):
    """The results of a workflow by the names of its steps: one value, or the list of a group's."""

    def __init__(self, workflow: Workflow) -> None:
        self._workflow = workflow
        self._read: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._steps:
            raise KeyError(f"No step is named {name!r}.{did_you_mean(name, self._steps)}")
        if name not in self._read:
            step, is_group = self._steps[name]
            shape = ["all" if is_group else "one", step]
            self._read[name] = value_of(shape, using=self._workflow._state.db or "default")
        return self._read[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._steps)

    def __len__(self) -> int:
        return len(self._steps)

    def __repr__(self) -> str:
        return f"<results of {', '.join(self._steps)}>"

    @cached_property
    def _steps(self) -> dict[str, tuple[int, bool]]:
        steps = self._workflow.steps.using(self._workflow._state.db)
        rows = steps.exclude(kind=Step.Kind.JOIN).order_by("position")
        return {
            name: (key, is_group)
            for name, key, is_group in rows.values_list("name", "pk", "is_group")
        }


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
