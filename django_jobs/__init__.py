"""A database job queue for Django on PostgreSQL."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from django_jobs.api import acancel as acancel
    from django_jobs.api import aenqueue as aenqueue
    from django_jobs.api import aenqueue_many as aenqueue_many
    from django_jobs.api import aexpedite as aexpedite
    from django_jobs.api import apause_queue as apause_queue
    from django_jobs.api import areprioritize as areprioritize
    from django_jobs.api import aresume_queue as aresume_queue
    from django_jobs.api import aretry as aretry
    from django_jobs.api import aretry_with as aretry_with
    from django_jobs.api import cancel as cancel
    from django_jobs.api import enqueue as enqueue
    from django_jobs.api import enqueue_many as enqueue_many
    from django_jobs.api import expedite as expedite
    from django_jobs.api import pause_queue as pause_queue
    from django_jobs.api import reprioritize as reprioritize
    from django_jobs.api import resume_queue as resume_queue
    from django_jobs.api import retry as retry
    from django_jobs.api import retry_with as retry_with
    from django_jobs.context import JobContext as JobContext
    from django_jobs.decorators import job as job
    from django_jobs.dependencies import Dependency as Dependency
    from django_jobs.dependencies import same as same
    from django_jobs.exceptions import Cancel as Cancel
    from django_jobs.exceptions import Retry as Retry
    from django_jobs.exceptions import Snooze as Snooze
    from django_jobs.explanations import aexplain as aexplain
    from django_jobs.explanations import explain as explain
    from django_jobs.flows import Flow as Flow
    from django_jobs.flows import chain as chain
    from django_jobs.flows import group as group
    from django_jobs.handing import previous as previous
    from django_jobs.handing import result_of as result_of
    from django_jobs.options import Priority as Priority
    from django_jobs.rates import Rate as Rate
    from django_jobs.receivers import enqueue_on as enqueue_on
    from django_jobs.schedules import cron as cron
    from django_jobs.specs import JobSpec as JobSpec
    from django_jobs.triggers import JobTrigger as JobTrigger

__version__ = "0.1.0.dev0"

#: Where each public name lives. They are imported at first use, since a module of job functions
#: may import this package before Django's apps are loaded, and models may not be imported then.
_HOMES = {
    # Declaring
    "job": "decorators",
    "JobSpec": "specs",
    "Priority": "options",
    "Rate": "rates",
    "enqueue_on": "receivers",
    "cron": "schedules",
    "JobTrigger": "triggers",
    "Dependency": "dependencies",
    "same": "dependencies",
    # Enqueueing
    "enqueue": "api",
    "enqueue_many": "api",
    "aenqueue": "api",
    "aenqueue_many": "api",
    # Workflows
    "chain": "flows",
    "group": "flows",
    "Flow": "flows",
    "previous": "handing",
    "result_of": "handing",
    # Steering
    "cancel": "api",
    "acancel": "api",
    "retry": "api",
    "aretry": "api",
    "retry_with": "api",
    "aretry_with": "api",
    "expedite": "api",
    "aexpedite": "api",
    "reprioritize": "api",
    "areprioritize": "api",
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
