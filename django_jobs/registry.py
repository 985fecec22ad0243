"""The job functions that this project knows, by name. A row can choose among these only."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from django.apps import apps

from django_jobs.conf import options
from django_jobs.definitions import Definition, define
from django_jobs.exceptions import DuplicateJobName, InvalidOption, UnknownJob
from django_jobs.limits import Limit

_definitions: dict[str, Definition] = {}
#: Names by which functions were known before, and those that they have now.
_aliases: dict[str, str] = {}
#: Make definitions of what stands in a module under a job's name and is no function.
interpreters: list[Callable[[object], Definition | None]] = []
#: The limits of the definitions, and of which ones.
_limits: tuple[object, dict[str, Limit]] = (None, {})
#: Who is depended on, and by which definitions.
_awaited: tuple[object, dict[str, float]] = (None, {})


def import_path(func: Callable[..., Any]) -> str:
    """Return the path by which any process can import ``func``, or raise InvalidOption."""
    qualname = getattr(func, "__qualname__", "")
    if not inspect.isfunction(func) or "<" in qualname or "." in qualname:
        raise InvalidOption(
            f"{func!r} cannot be a job: a worker must be able to import it, so it has to be a "
            f"function at the top level of a module, no lambda, method or nested function."
        )
    module = func.__module__
    if module == "__main__":
        spec = sys.modules["__main__"].__spec__
        if spec is None:
            raise InvalidOption(
                f"{qualname} is defined in a script, which no worker can import: move it to a "
                f"module."
            )
        module = spec.name
    return f"{module}.{qualname}"


def register(definition: Definition) -> None:
    """Make ``definition`` known; a module that is imported anew may replace its own."""
    _refuse_taken(definition)
    _definitions[definition.name] = definition
    for alias, name in list(_aliases.items()):
        if name == definition.name:
            del _aliases[alias]
    _aliases.update(dict.fromkeys(definition.aliases, definition.name))
    _forget()


def _refuse_taken(definition: Definition) -> None:
    """Raise DuplicateJobName where a name, old or new, would stand for two functions."""
    own = import_path(definition.func)
    for name in (definition.name, *definition.aliases):
        holder = _definitions.get(_aliases.get(name, name))
        if holder is None or (name != definition.name and not holder.is_declared):
            continue  # a plain function that was found by its path gives way: it was renamed
        if (first := import_path(holder.func)) != own:
            raise DuplicateJobName(name, first, own)


def current(name: str) -> str:
    """Return the name that a job function has now; as it is, where nobody has renamed it."""
    return _aliases.get(name, name)


def aliases() -> Mapping[str, str]:
    """Return the names by which job functions were known before, with those that they have now."""
    return _aliases


def names() -> list[str]:
    """Return the names of all registered job functions."""
    return sorted(_definitions)


def declared_names() -> list[str]:
    """Return the names of the functions that are declared to be jobs."""
    return sorted(name for name, one in _definitions.items() if one.is_declared)


def forget(name: str) -> None:
    """Take back a registration."""
    _definitions.pop(name, None)
    for alias in [alias for alias, current_name in _aliases.items() if current_name == name]:
        del _aliases[alias]
    _forget()


def limits() -> Mapping[str, Limit]:
    """Return the limits of all registered job functions that have any, by lane."""
    global _limits
    if _limits[0] is not _definitions:
        found = ((one.lane, one.limit) for one in list(_definitions.values()))
        _limits = (_definitions, {lane: limit for lane, limit in found if limit is not None})
    return _limits[1]


def awaited() -> Mapping[str, float]:
    """Return the functions that others depend on, each with the longest window, in seconds."""
    global _awaited
    if _awaited[0] is not _definitions:
        found: dict[str, float] = {}
        for definition in list(_definitions.values()):
            for one in definition.depends_on:
                name = current(one.name)
                found[name] = max(found.get(name, 0.0), one.window or 0.0)
        _awaited = (_definitions, found)
    return _awaited[1]


def registered(name: str) -> Definition | None:
    """Return the definition of ``name`` if it is known by now; import nothing."""
    return _definitions.get(current(name))


def find(name: str) -> Definition | None:
    """Return the definition of ``name``, or None where no function is known by it."""
    try:
        return resolve(name)
    except UnknownJob:
        return None


def limit_of(name: str) -> Limit | None:
    """Return the limit of a job function, None where it has none or is not known."""
    definition = find(name)
    return None if definition is None else definition.limit


def _forget() -> None:
    """Look through the definitions again, when next asked what they say together."""
    global _limits, _awaited
    _limits, _awaited = (None, {}), (None, {})


def resolve(name: str) -> Definition:
    """Return the definition of ``name``, or raise UnknownJob.

    A plain function is found by its import path if its module belongs to an installed app or
    to JOB_MODULES: what a row names must never decide what code is imported.
    """
    try:
        return _definitions[_aliases.get(name, name) if _aliases else name]
    except KeyError:
        pass
    definition = _imported(name)
    return definition if name in _aliases else _definitions.setdefault(name, definition)


def _imported(name: str) -> Definition:
    module_name, _, attribute = name.rpartition(".")
    if not module_name or not _may_import(module_name):
        reason = "it is not registered, and its module is neither in an installed app nor in "
        raise UnknownJob(name, f"{reason}DJANGO_JOBS['JOB_MODULES'].", names())
    try:
        module = import_module(module_name)
        if name in _aliases:  # importing the module has said so
            return _definitions[_aliases[name]]
        func = getattr(module, attribute)
    except Exception as error:  # whatever the module does when imported, the job is parked
        raise UnknownJob(name, f"{error}.", names()) from error
    if name in _definitions:  # importing the module has registered it
        return _definitions[name]
    for interpret in interpreters:
        if (definition := interpret(func)) is not None and definition.name == name:
            return definition
    if not inspect.isfunction(func) or func.__module__ != module_name:
        raise UnknownJob(name, "it is not a function of that module.", names())
    return define(func, name, None, is_declared=False)


def _may_import(module_name: str) -> bool:
    if apps.get_containing_app_config(module_name) is not None:
        return True
    allowed = options().job_modules
    return any(module_name == m or module_name.startswith(f"{m}.") for m in allowed)
