"""Workflows as people look at them: the newest ones, and the steps of one. Read only."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.db.models import Sum

from django_jobs.models import Step, Workflow

#: Steps and edges of one workflow that are read.
MOST = 10_000


@dataclass
class Graph:
    """One workflow with its steps in their order, and the ids of those that each comes after."""

    workflow: Workflow
    steps: list[Step]
    before: dict[int, list[int]] = field(default_factory=dict)


def newest(
    *, states: tuple[str, ...] = (), name: str | None = None, limit: int,
    after: int | None = None, using: str,
) -> tuple[list[dict[str, Any]], bool]:  # fmt: skip
    """Return the newest workflows with their progress, and whether there are more."""
    found = Workflow.objects.using(using).order_by("-pk")
    if states:
        found = found.filter(state__in=states)
    if name is not None:
        found = found.filter(name=name)
    if after is not None:
        found = found.filter(pk__lt=after)
    rows: list[dict[str, Any]] = [dict(row) for row in found.values()[: limit + 1]]
    shown = rows[:limit]
    steps = Step.objects.using(using).filter(workflow__in=[row["id"] for row in shown])
    counted = steps.exclude(kind=Step.Kind.CLEANUP).values("workflow")
    left: dict[Any, int] = {
        row["workflow"]: row["left"]
        for row in counted.annotate(left=Sum("jobs_left", default=0)).order_by()
    }
    for row in shown:
        row["done"] = row["size"] - left.get(row["id"], 0)
    return shown, len(rows) > limit


def graph(workflow: int, *, using: str) -> Graph | None:
    """Return one workflow and its steps, or None."""
    row = Workflow.objects.using(using).filter(pk=workflow).first()
    if row is None:
        return None
    steps = list(row.steps.using(using).order_by("position")[:MOST])
    before: dict[int, list[int]] = {}
    for edge in row.edges()[:MOST]:
        before.setdefault(edge.after_id, []).append(edge.before_id)
    return Graph(row, steps, before)
