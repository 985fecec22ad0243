"""For the tests of projects that have jobs: run them, look at them, move the clock."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from django_jobs.testing.capturing import assert_enqueued as assert_enqueued
    from django_jobs.testing.capturing import assert_not_enqueued as assert_not_enqueued
    from django_jobs.testing.capturing import captured_jobs as captured_jobs
    from django_jobs.testing.idempotence import assert_idempotent as assert_idempotent
    from django_jobs.testing.running import arun_jobs as arun_jobs
    from django_jobs.testing.running import run_jobs as run_jobs
    from django_jobs.testing.travelling import travel as travel

#: Imported at first use: the pytest plugin is loaded before Django is configured.
_HOMES = {
    "run_jobs": "running",
    "arun_jobs": "running",
    "captured_jobs": "capturing",
    "assert_enqueued": "capturing",
    "assert_not_enqueued": "capturing",
    "travel": "travelling",
    "assert_idempotent": "idempotence",
}

__all__ = [*_HOMES]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    return value
