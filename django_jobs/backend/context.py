"""What a running task knows of its run."""

from __future__ import annotations

from dataclasses import dataclass

from django_jobs.backend.framework import TaskContext
from django_jobs.context import JobContext


@dataclass(frozen=True, slots=True, kw_only=True)
class JobsTaskContext(TaskContext):  # type: ignore[misc,type-arg]  # the stubs' is not frozen
    """Django's context of a task, with ours in ``job``: progress, log lines, check(), the lease."""

    job: JobContext
