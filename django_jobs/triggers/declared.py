"""What a job function declares, where the trigger does not say it: as the code has it now."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django_jobs import registry
from django_jobs.specs import JobSpec

if TYPE_CHECKING:
    from django_jobs.triggers.declaration import JobTrigger

#: What a trigger may say otherwise.
OPTIONS = ("queue", "priority", "max_attempts", "timeout")
#: Columns that are the same for all jobs of a trigger, beside the name of the function.
_COLUMNS = (*OPTIONS, "memory_limit", "units", "concurrency_key")


def constants(trigger: JobTrigger) -> dict[str, str]:
    """Return the columns that all jobs of a trigger have in common.

    Where the function is gone, as it may be when an old migration runs, the defaults hold.
    """
    given = {option: getattr(trigger, option) for option in OPTIONS}
    known: Any = None
    if registry.find(trigger.job) is not None:
        known = JobSpec(trigger.job, **given).settle()
    columns = {"name": trigger.job, "queue": trigger.queue or "default"}
    for column in _COLUMNS:
        value = getattr(known, column) if known else given.get(column)
        if callable(value):
            continue  # a concurrency key that the claim works out
        if value is not None:
            columns[column] = _text(column, value)
    return columns


def kwargs(trigger: JobTrigger) -> dict[str, Any]:
    """Return the arguments that ``@job(kwargs=…)`` gives, without those that a row gives."""
    definition = registry.find(trigger.job)
    if definition is None:
        return {}
    given = definition.positional[:1] if trigger.kwargs is None else trigger.kwargs
    return {name: value for name, value in definition.kwargs.items() if name not in given}


def unique_key(trigger: JobTrigger) -> str | None:
    """Return the unique key that ``@job`` gives, unless a function makes it."""
    definition = registry.find(trigger.job)
    key = None if definition is None else definition.unique_key
    return key if isinstance(key, str) else None


def _text(column: str, value: Any) -> str:
    if column != "timeout":
        return str(value)
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    return f"{seconds:f} seconds"
