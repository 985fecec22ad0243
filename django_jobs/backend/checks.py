"""What is wrong with an entry of TASKS that names this backend."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.apps import apps
from django.core.checks import CheckMessage, Error

from django_jobs.backend import options
from django_jobs.conf import options as settings
from django_jobs.decorators import checked, refuse_contradictions
from django_jobs.exceptions import JobsError, did_you_mean

_KEYS = ("BACKEND", "QUEUES", "OPTIONS")
_HINT = "docs/django-tasks.md says what a backend takes, and its OPTIONS."
#: Of other backends, and why ours has none.
_ON_COMMIT = (
    "A task is enqueued in the caller's transaction here: no worker sees it before the commit, and "
    "with a rollback it is gone. Take the key away."
)


def problems(params: Mapping[str, Any]) -> list[Error]:
    """Return what is wrong with one entry of TASKS."""
    found = [_unknown_key(key) for key in params if key not in _KEYS]
    queues = params.get("QUEUES", [])
    if isinstance(queues, str) or not isinstance(queues, list | tuple | set | frozenset):
        found.append(_error("django_jobs.E071", f"QUEUES must be a list of names, not {queues!r}."))
    elif not all(isinstance(name, str) and name for name in queues):
        found.append(_error("django_jobs.E071", f"QUEUES must hold names only, not {queues!r}."))
    given = params.get("OPTIONS", {})
    if not isinstance(given, Mapping):
        return [*found, _error("django_jobs.E072", f"OPTIONS must be a dict, not {given!r}.")]
    return [*found, *_wrong_options(given)]


def messages(alias: str, found: Iterable[Error], queues: set[str]) -> list[CheckMessage]:
    """Return the messages of Django's check about a backend."""
    told: list[CheckMessage] = [
        Error(f"TASKS[{alias!r}]: {one.msg}", hint=one.hint, id=one.id) for one in found
    ]
    if not apps.is_installed("django_jobs"):
        hint = "Add 'django_jobs' to INSTALLED_APPS, and migrate."
        told.append(
            Error(
                f"TASKS[{alias!r}] names the backend of django_jobs, which is not installed.",
                hint=hint,
                id="django_jobs.E070",
            )
        )
    return [*told, *_undeclared(alias, queues)]


def _undeclared(alias: str, queues: set[str]) -> list[CheckMessage]:
    try:
        known = settings()
    except JobsError:
        return []  # another check tells
    if not known.strict_queues:
        return []
    return [
        Error(
            f"TASKS[{alias!r}]: no task can be enqueued to the queue {name!r}: it is not declared, "
            f"and STRICT_QUEUES is on.{did_you_mean(name, known.queues)}",
            hint="Declare it in DJANGO_JOBS['QUEUES'], or take it out of QUEUES here.",
            id="django_jobs.E073",
        )
        for name in sorted(map(str, queues))
        if name not in known.queues
    ]


def _unknown_key(key: object) -> Error:
    if key == "ENQUEUE_ON_COMMIT":
        return _error(
            "django_jobs.E072", "ENQUEUE_ON_COMMIT is no key of this backend.", _ON_COMMIT
        )
    return _error("django_jobs.E072", f"There is no key {key!r}.{did_you_mean(str(key), _KEYS)}")


def _wrong_options(given: Mapping[str, Any]) -> list[Error]:
    found = [
        _error(
            "django_jobs.E072",
            f"OPTIONS has no {name!r}.{did_you_mean(str(name), options.DEFAULTS)}",
        )
        for name in given
        if name not in options.DEFAULTS
    ]
    known = {name: value for name, value in given.items() if name in options.DEFAULTS}
    wrong = options.problems(known)
    found += [
        _error("django_jobs.E072", f"OPTIONS[{name!r}]: {problem}")
        for name, problem in wrong.items()
    ]
    if not found:
        try:
            refuse_contradictions(checked(known))
        except JobsError as error:
            found.append(_error("django_jobs.E072", f"OPTIONS: {error}"))
    return found


def _error(key: str, text: str, hint: str = _HINT) -> Error:
    return Error(text, hint=hint, id=key)
