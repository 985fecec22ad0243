"""The one reader of ``settings.DJANGO_JOBS``; everything else receives values."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import timedelta
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.core.signals import setting_changed
from django.dispatch import receiver

from django_jobs import backoff as backoffs
from django_jobs.durations import Duration, seconds
from django_jobs.exceptions import InvalidOption, InvalidSettings, did_you_mean
from django_jobs.limits import QueuePolicy
from django_jobs.options import check_count, check_priority
from django_jobs.queueing import check_order, check_queues
from django_jobs.states import FINISHED


def _default_retention() -> dict[str, Duration]:
    return {
        "succeeded": timedelta(days=1),
        "failed": timedelta(days=30),
        "cancelled": timedelta(days=1),
    }


@dataclass(frozen=True)
class Options:
    """Every key of ``DJANGO_JOBS``, in lower case, with its default. Durations in seconds."""

    #: Queues whose rows workers make at their start, with what holds for each; with STRICT_QUEUES,
    #: the only ones.
    queues: Mapping[str, QueuePolicy] = field(default_factory=lambda: {"default": QueuePolicy()})
    #: How a worker chooses among queues: by "priority", "strict" in their order, or "weighted".
    queue_order: str = "priority"
    #: Raise priorities of what waits: ``after`` seconds each time, ``by``, not above ``up_to``.
    ageing: Mapping[str, float] | None = None
    #: Refuse jobs for queues that are not in QUEUES.
    strict_queues: bool = False
    #: Modules outside the installed apps whose plain functions may be run by import path.
    job_modules: tuple[str, ...] = ()
    #: Run jobs in the process that enqueues them, once they are committed: for tests.
    immediate: bool = False
    #: How long a run may take when the job does not say. 0 for no limit.
    default_timeout: float = 600.0
    #: The wait after a failed attempt when the job does not say.
    backoff: backoffs.Backoff = backoffs.DEFAULT
    #: The share of a backoff that is added at random. 0 turns it off.
    backoff_jitter: float = 0.1
    #: Jobs that one worker process runs at once.
    concurrency: int = 10
    #: How often a worker looks for jobs when nothing wakes it.
    poll_interval: float = 1.0
    #: Wake workers by NOTIFY. Off: they poll, which is always correct and sometimes slower.
    listen: bool = True
    #: How often a worker says that it is alive.
    heartbeat_interval: float = 10.0
    #: How old its last sign of life must be for a worker to be taken for dead.
    heartbeat_timeout: float = 30.0
    #: How long running jobs may go on after the first signal. Kubernetes kills after 30.
    shutdown_timeout: float = 25.0
    #: How often each worker deletes finished jobs past their retention.
    prune_interval: float = 60.0
    #: How long a run may go on after its timeout before it is ended by force.
    timeout_grace: float = 1.0
    #: Child processes in each worker for jobs of the executor "process". None: one for each core.
    job_processes: int | None = None
    #: Runs after which such a child is replaced, and the bytes of memory it may keep.
    job_process_max_jobs: int | None = 10_000
    job_process_max_memory: int | None = None
    #: Runs, age and bytes of memory after which a worker process is replaced.
    worker_max_jobs: int | None = None
    worker_max_age: float | None = None
    worker_max_memory: int | None = None
    #: What the jobs that run on one host may take together. The environment goes over it. None:
    #: 10,000, and nobody counts them unless a job function says how many it takes.
    units: int | None = None
    #: Callables around the run of every job, outermost first, as import paths.
    middleware: tuple[str, ...] = ()
    #: The import path of a function of a request and the queryset of jobs, which returns those that
    #: the request's user may see in the admin. Empty: whoever may view jobs sees all.
    admin_visible_jobs: str = ""
    #: Patterns of the names whose values the admin never shows.
    admin_redact: tuple[str, ...] = (
        "*password*",
        "*passwd*",
        "*secret*",
        "*token*",
        "*api_key*",
        "*apikey*",
        "*credential*",
    )
    #: Search the admin's list of jobs by arguments too, which wants an index of them.
    admin_search_arguments: bool = False
    #: Signals that stop workers, gracefully the first time.
    stop_signals: tuple[str, ...] = ("SIGINT", "SIGTERM")
    #: How long a finished job is kept, by state.
    retention: Mapping[str, float] = field(
        default_factory=lambda: {k: seconds(v, k) for k, v in _default_retention().items()}
    )


_DURATIONS = (
    "default_timeout",
    "poll_interval",
    "heartbeat_interval",
    "heartbeat_timeout",
    "shutdown_timeout",
    "prune_interval",
    "timeout_grace",
    "worker_max_age",
)
_POSITIVE = (
    "poll_interval",
    "heartbeat_interval",
    "heartbeat_timeout",
    "prune_interval",
    "worker_max_age",
)
#: Whole numbers, and whether None may be given: for no limit, or for a default found later.
_COUNTS = {
    "job_processes": True,
    "job_process_max_jobs": True,
    "job_process_max_memory": True,
    "worker_max_jobs": True,
    "worker_max_memory": True,
    "units": True,
}
#: Where the budget of a host is looked for: the second is JobMaster's name for it.
_UNITS = ("DJANGO_JOBS_UNITS", "JOBMASTER_SYSTEM_PROCESS_UNITS")


@lru_cache(maxsize=1)
def options() -> Options:
    """Return the options of this project, or raise InvalidSettings naming the wrong key."""
    return read(getattr(settings, "DJANGO_JOBS", {}))


def read(given: object) -> Options:
    """Return the options that the mapping ``given`` sets, or raise InvalidSettings."""
    if not isinstance(given, Mapping):
        raise InvalidSettings(f"DJANGO_JOBS must be a dict, not {type(given).__name__}.")
    known = {f.name.upper() for f in fields(Options)}
    for key in given:
        if key not in known:
            raise InvalidSettings(
                f"DJANGO_JOBS has no key {key!r}.{did_you_mean(str(key).upper(), known)} "
                f"The keys are: {', '.join(sorted(known))}."
            )
    try:
        return _checked({key.lower(): value for key, value in given.items()} | _environment())
    except InvalidOption as error:
        raise InvalidSettings(f"DJANGO_JOBS: {error}") from error


def _checked(given: dict[str, Any]) -> Options:
    for name in _DURATIONS:
        if name in given and not (name == "worker_max_age" and given[name] is None):
            given[name] = seconds(given[name], name.upper())
            if name in _POSITIVE and not given[name]:
                raise InvalidOption(f"{name.upper()} must be more than 0 seconds.")
            if name == "worker_max_age" and given[name] < 1:
                raise InvalidOption("WORKER_MAX_AGE must be at least 1 second.")
    if "backoff" in given:
        given["backoff"] = backoffs.check(given["backoff"])
    if "retention" in given:
        given["retention"] = _retention(given["retention"])
    if "queues" in given:
        given["queues"] = check_queues(given["queues"])
    if "queue_order" in given:
        given["queue_order"] = check_order(given["queue_order"])
    if given.get("ageing") is not None:
        given["ageing"] = _ageing(given["ageing"])
    for name in ("admin_redact", "job_modules", "middleware", "stop_signals"):
        if name in given:
            given[name] = _names(given[name], name.upper())
    if not isinstance(given.get("admin_visible_jobs", ""), str):
        raise InvalidOption(
            "ADMIN_VISIBLE_JOBS must be the import path of a function, such as "
            f"'shop.jobs.visible', not {given['admin_visible_jobs']!r}."
        )
    _check_numbers(given)
    for name in given.get("stop_signals", ()):
        check_signal(name, "STOP_SIGNALS")
    result = Options(**given)
    if result.heartbeat_timeout < 2 * result.heartbeat_interval:
        raise InvalidOption(
            "HEARTBEAT_TIMEOUT must be at least twice HEARTBEAT_INTERVAL, or one late "
            "heartbeat makes a live worker look dead."
        )
    return result


def _check_numbers(given: dict[str, Any]) -> None:
    for name in ("strict_queues", "listen", "immediate", "admin_search_arguments"):
        if not isinstance(given.get(name, True), bool):
            raise InvalidOption(f"{name.upper()} must be True or False, not {given[name]!r}.")
    concurrency = given.get("concurrency", 1)
    if type(concurrency) is not int or not 1 <= concurrency <= 10_000:
        raise InvalidOption(f"CONCURRENCY must be from 1 to 10000, not {concurrency!r}.")
    for name, may_be_none in _COUNTS.items():
        if name in given and not (may_be_none and given[name] is None):
            check_count(given[name], name.upper())
    jitter = given.get("backoff_jitter", 0)
    if isinstance(jitter, bool) or not isinstance(jitter, int | float) or not 0 <= jitter <= 10:
        raise InvalidOption(f"BACKOFF_JITTER must be a share from 0 to 10, not {jitter!r}.")


def _environment() -> dict[str, int]:
    for name in _UNITS:
        if text := os.environ.get(name, ""):
            if not text.isdecimal():
                raise InvalidOption(f"{name} must be a whole number, not {text!r}.")
            return {"units": int(text)}
    return {}


def check_signal(name: str, option: str) -> signal.Signals:
    """Return the signal of that name if it can be handled, or raise InvalidOption."""
    known = {one.name for one in signal.Signals} - {"SIGKILL", "SIGSTOP", "SIGCHLD", "SIGALRM"}
    if name not in known:
        raise InvalidOption(
            f"{option}: {name!r} is no signal that can be handled."
            f"{did_you_mean(str(name).upper(), known)}"
        )
    return signal.Signals[name]


def _retention(given: object) -> dict[str, float]:
    if not isinstance(given, Mapping):
        raise InvalidOption(f"RETENTION must be a dict from state to duration, not {given!r}.")
    for key in given:
        if key not in FINISHED:
            raise InvalidOption(
                f"RETENTION has no state {key!r}; it takes {', '.join(sorted(FINISHED))}."
            )
    merged = {**_default_retention(), **given}
    return {str(state): seconds(value, f"RETENTION[{state!r}]") for state, value in merged.items()}


def _ageing(given: object) -> dict[str, float]:
    if not isinstance(given, Mapping) or given.keys() - {"after", "by", "up_to"}:
        raise InvalidOption(f"AGEING must be a dict of after, by and up_to, not {given!r}.")
    if not {"after", "up_to"} <= given.keys():
        raise InvalidOption("AGEING needs after, a duration, and up_to, a priority.")
    after = seconds(given["after"], "AGEING['after']")
    if after < 1:
        raise InvalidOption("AGEING['after'] must be at least 1 second.")
    by = check_count(given.get("by", 1), "AGEING['by']")
    up_to = check_priority(given["up_to"], "AGEING['up_to']")
    return {"after": after, "by": by, "up_to": up_to}


def _names(given: object, key: str) -> tuple[str, ...]:
    if isinstance(given, str) or not isinstance(given, list | tuple | set | frozenset):
        raise InvalidOption(f"{key} must be a list of names, not {given!r}.")
    if not all(isinstance(name, str) and name for name in given):
        raise InvalidOption(f"{key} must hold names only, not {given!r}.")
    return tuple(given)


def is_debug() -> bool:
    """Return whether the project runs with DEBUG, under which Django remembers every query."""
    return bool(settings.DEBUG)


def time_zone() -> str:
    """Return the name of the project's time zone."""
    return str(settings.TIME_ZONE)


@receiver(setting_changed, dispatch_uid="django_jobs.conf")
def _forget(*, setting: str, **kwargs: object) -> None:
    if setting == "DJANGO_JOBS":
        options.cache_clear()
