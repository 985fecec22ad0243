"""The results of steps, read for the jobs that come after them."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.db.models import TextField
from django.db.models.functions import Cast

from django_jobs.encoding import decode
from django_jobs.handing import Shape, assembled, leaves
from django_jobs.models.job import Job


def value_of(shape: Shape, *, using: str) -> Any:
    """Return the value that a shape describes, by one query; None for what did not succeed."""
    shape = _met(shape, using)
    steps = {step for _, step in leaves(shape)}
    rows = Job.objects.using(using).filter(step_id__in=steps).order_by("step_id", "id")
    results: dict[int, list[Any]] = {}
    texts = rows.values_list("step_id", Cast("result", TextField()))
    for step, text in texts.iterator():
        results.setdefault(step or 0, []).append(None if text is None else decode(text))
    return assembled(shape, results)


def _met(shape: Shape, using: str) -> Shape:
    """Return, in place of a join, the shape of what has met in it; no join comes before another."""
    word, step = shape
    if word != "join":
        return shape
    steps = apps.get_model("django_jobs", "Step")._base_manager.using(using)
    source: Shape | None = steps.filter(pk=step).values_list("source", flat=True).first()
    return source or ["list", []]
