"""What this backend's tasks take beside what Django's own take: the options of ``@job``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django_jobs.decorators import checked
from django_jobs.exceptions import JobsError

#: What each job may have of its own, and ``.using()`` takes.
OF_A_JOB = (
    "max_attempts",
    "timeout",
    "memory_limit",
    "unique_key",
    "concurrency_key",
    "expires_after",
)
#: What all jobs of a function have in common: for ``@task`` and for OPTIONS.
OF_A_FUNCTION = (
    "backoff",
    "retry_on",
    "give_up_on",
    "executor",
    "retention",
    "atomic",
    "units",
    "max_running",
    "max_running_per_host",
    "max_running_per_key",
    "ordered",
    "rate_limit",
    "rate_limit_per_key",
    "aliases",
)
KNOWN = (*OF_A_JOB, *OF_A_FUNCTION)
#: What would be the same for two functions, and must not be.
_OF_ONE = frozenset({"unique_key", "aliases"})
#: What OPTIONS of a backend may say for all of its tasks.
DEFAULTS = tuple(name for name in KNOWN if name not in _OF_ONE)


def given(holder: object) -> dict[str, Any]:
    """Return the options that a task was given; those that are None were not."""
    values = {name: getattr(holder, name, None) for name in KNOWN}
    return {name: value for name, value in values.items() if value is not None}


def problems(options: Mapping[str, Any]) -> dict[str, str]:
    """Return what is wrong with each of the values of known options."""
    found = {}
    for name, value in options.items():
        try:
            checked({name: value})
        except JobsError as error:
            found[name] = str(error)
    return found
