"""A database job queue for Django on PostgreSQL."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from django_jobs.api import acancel as acancel
    from django_jobs.api import aenqueue as aenqueue
    from django_jobs.api import aenqueue_many as aenqueue_many
    from django_jobs.api import apause_queue as apause_queue
    from django_jobs.api import aresume_queue as aresume_queue
    from django_jobs.api import aretry as aretry
    from django_jobs.api import cancel as cancel
    from django_jobs.api import enqueue as enqueue
    from django_jobs.api import enqueue_many as enqueue_many
    from django_jobs.api import pause_queue as pause_queue
    from django_jobs.api import resume_queue as resume_queue
    from django_jobs.api import retry as retry
    from django_jobs.context import JobContext as JobContext
    from django_jobs.decorators import job as job
    from django_jobs.dependencies import Dependency as Dependency
    from django_jobs.dependencies import same as same
    from django_jobs.exceptions import Cancel as Cancel
    from django_jobs.exceptions import Retry as Retry
    from django_jobs.exceptions import Snooze as Snooze
    from django_jobs.explanations import aexplain as aexplain
    from django_jobs.explanations import explain as explain
    from django_jobs.options import Priority as Priority
    from django_jobs.receivers import enqueue_on as enqueue_on
    from django_jobs.specs import JobSpec as JobSpec

__version__ = "0.1.0.dev0"

#: Where each public name lives. They are imported at first use, since a module of job functions
#: may import this package before Django's apps are loaded, and models may not be imported then.
_HOMES = {
    # Declaring
    "job": "decorators",
    "JobSpec": "specs",
    "Priority": "options",
    "enqueue_on": "receivers",
    "Dependency": "dependencies",
    "same": "dependencies",
    # Enqueueing
    "enqueue": "api",
    "enqueue_many": "api",
    "aenqueue": "api",
    "aenqueue_many": "api",
    # Steering
    "cancel": "api",
    "acancel": "api",
    "retry": "api",
    "aretry": "api",
    "pause_queue": "api",
    "apause_queue": "api",
    "resume_queue": "api",
    "aresume_queue": "api",
    # Looking
    "explain": "explanations",
    "aexplain": "explanations",
    # Inside a job
    "JobContext": "context",
    "Retry": "exceptions",
    "Snooze": "exceptions",
    "Cancel": "exceptions",
}

__all__ = [
    *_HOMES,
]


def __getattr__(name: str) -> Any:
    try:
        home = _HOMES[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
    value = globals()[name] = getattr(import_module(f"{__name__}.{home}"), name)
    return value
