"""What somebody may see of one job: the page of a job and its forms ask here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from inspect import Parameter
from typing import Any

from django.http import HttpRequest

from django_jobs import redaction
from django_jobs.admin import access
from django_jobs.admin.access import Power
from django_jobs.admin.job.values import readable
from django_jobs.conf import options
from django_jobs.models import Job, Task
from django_jobs.registry import find

_NAMED = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)


class Sight:
    """One job, as the user of a request may see it."""

    def __init__(self, request: HttpRequest, job: Job) -> None:
        self.request, self.job = request, job
        self._patterns = options().admin_redact

    @cached_property
    def sees_data(self) -> bool:
        """Return whether they may see what jobs are given, and what they say and return."""
        return access.may(self.request, Power.VIEW_ARGUMENTS)

    @cached_property
    def sees_all(self) -> bool:
        """Return whether they may see every job that there is."""
        return access.sees_all(self.request)

    @cached_property
    def knows_cause(self) -> bool:
        """Return whether they may know of the job that has ended this one, where there is any."""
        cause = self.job.ended_by
        return cause is None or self.sees_all or cause in self.visible([cause])

    def visible(self, keys: Iterable[int]) -> set[int]:
        """Return those of the jobs that they may see."""
        jobs = access.visible(self.request, Job.objects.using(self.job._state.db))
        return set(jobs.filter(pk__in=list(keys)).values_list("pk", flat=True))

    # Without secrets ------------------------------------------------------------------------------

    @cached_property
    def args(self) -> Any:
        """Return the positional arguments, as they are stored, without secrets."""
        names, rest = positional_names(self.job) if self.job.args else ([], "")
        return redaction.redact_args(self.job.args, names, rest, self._patterns)

    @cached_property
    def kwargs(self) -> Any:
        """Return the keyword arguments, as they are stored, without secrets."""
        return redaction.redact(self.job.kwargs, self._patterns)

    @cached_property
    def meta(self) -> Any:
        """Return the data that was put on the job, without secrets."""
        return redaction.redact(self.job.meta, self._patterns)

    def value(self, stored: Any) -> str:
        """Return a stored value as text for people, without secrets and what repeats them."""
        return self.text(readable(redaction.redact(stored, self._patterns)))

    def text(self, text: object) -> str:
        """Return a text without what was hidden of the arguments and of meta."""
        return redaction.without(str(text), self._secrets)

    @cached_property
    def _secrets(self) -> set[str]:
        pairs = (
            (self.args, self.job.args),
            (self.kwargs, self.job.kwargs),
            (self.meta, self.job.meta),
        )
        return set().union(*(redaction.secrets_in(shown, stored) for shown, stored in pairs))


def positional_names(job: Job) -> tuple[Sequence[str] | None, str]:
    """Return the names of a job's positional parameters, and of those that take the rest.

    By the function itself; where this process does not know it, by the catalogue. None where
    nobody knows.
    """
    if (definition := find(job.name)) is not None:
        parameters = definition.signature.parameters.values()
        rest = [one.name for one in parameters if one.kind is Parameter.VAR_POSITIONAL]
        return [one.name for one in parameters if one.kind in _NAMED], "".join(rest)
    tasks = Task.objects.using(job._state.db).filter(name=job.name)
    told = tasks.values_list("parameters", flat=True).first()
    if told is None or not isinstance(job.args, list) or len(told) < len(job.args):
        return None, ""
    return [one["name"] for one in told], ""
