"""A task of this backend: Django's, with the options of ``@job``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from django_jobs import options as checks
from django_jobs.backend import options
from django_jobs.backend.declaring import definition_of
from django_jobs.backend.framework import InvalidTask, Task
from django_jobs.backoff import Backoff
from django_jobs.rates import Rate

_Exceptions = type[BaseException] | tuple[type[BaseException], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class JobsTask(Task):  # type: ignore[type-arg]  # generic in the stubs alone
    """A task with options of its own; what is None is as OPTIONS of the backend say."""

    max_attempts: int | None = None
    timeout: checks.Timeout | None = None
    memory_limit: int | None = None
    unique_key: checks.UniqueKey | None = None
    concurrency_key: checks.UniqueKey | None = None
    expires_after: checks.Timeout | None = None
    backoff: Backoff | None = None
    retry_on: _Exceptions | None = None
    give_up_on: _Exceptions | None = None
    executor: str | None = None
    retention: checks.Timeout | None = None
    atomic: bool | None = None
    units: int | None = None
    max_running: int | None = None
    max_running_per_host: int | None = None
    max_running_per_key: int | None = None
    ordered: bool | None = None
    rate_limit: str | Rate | None = None
    rate_limit_per_key: str | Rate | None = None
    aliases: str | Sequence[str] | None = None

    def __post_init__(self) -> None:
        # Not super(): a dataclass with slots is another class than the one written here.
        Task.__post_init__(self)
        for name, problem in options.problems(options.given(self)).items():
            raise InvalidTask(f"{self.module_path}: {name}: {problem}")
        definition_of(self)

    def using(
        self,
        *,
        priority: int | None = None,
        queue_name: str | None = None,
        run_after: datetime | timedelta | None = None,
        backend: str | None = None,
        **own: Any,
    ) -> JobsTask:
        """Return a task with other defaults; ``run_after`` may be how long from now.

        Of our options those that a job may have of its own; None stands for the default.
        """
        for name in own:
            if name in options.OF_A_FUNCTION:
                raise InvalidTask(
                    f"{name} is for all jobs of a function, whoever runs them: give it to @task, "
                    f"or in OPTIONS of the backend."
                )
            if name not in options.OF_A_JOB:
                raise TypeError(f"using() got an unexpected keyword argument {name!r}")
        if isinstance(run_after, timedelta):
            run_after = timezone.now() + run_after
        said: dict[str, Any] = {
            "priority": priority,
            "queue_name": queue_name,
            "run_after": run_after,
            "backend": backend,
        }
        return replace(self, **own, **{k: v for k, v in said.items() if v is not None})
