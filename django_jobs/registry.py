"""The job functions that this project knows, by name. A row can choose among these only."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from inspect import Parameter
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.apps import apps

from django_jobs.backoff import Backoff
from django_jobs.capabilities import Capabilities, choose
from django_jobs.conf import options
from django_jobs.context import is_context
from django_jobs.exceptions import DuplicateJobName, InvalidOption, UnknownJob
from django_jobs.limits import Limit
from django_jobs.options import UniqueKey

_POSITIONAL = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)


@dataclass(frozen=True, eq=False)
class Definition:
    """A job function with everything that was said when it was declared."""

    name: str
    func: Callable[..., Any]
    executor: Capabilities
    queue: str = "default"
    priority: int = 0
    max_attempts: int = 1
    timeout: float | None = None
    memory_limit: int | None = None
    unique_key: UniqueKey | None = None
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    backoff: Backoff | None = None
    retry_on: tuple[type[BaseException], ...] = (BaseException,)
    give_up_on: tuple[type[BaseException], ...] = ()
    retention: float | None = None
    atomic: bool = False
    takes_context: bool = False
    #: What a run takes of its host's budget.
    units: int = 1
    #: Runs at one time, everywhere and on one host; None for as many as there are places.
    max_running: int | None = None
    max_running_per_host: int | None = None
    #: Of the arguments alone: without the context.
    signature: inspect.Signature = field(init=False)
    #: The parameter that gets the context.
    context: Parameter | None = field(init=False)
    #: Its place among all parameters.
    context_place: int = field(init=False)
    is_coroutine: bool = field(init=False)
    positional: tuple[str, ...] = field(init=False)
    #: Set where a call by keyword can be checked by its names alone.
    keywords: frozenset[str] | None = field(init=False)
    required: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        signature, context, place = _without_context(self)
        parameters = signature.parameters.values()
        plain = all(p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY) for p in parameters)
        names = frozenset(p.name for p in parameters)
        required = frozenset(p.name for p in parameters if p.default is p.empty)
        for attribute, value in {
            "signature": signature,
            "context": context,
            "context_place": place,
            "is_coroutine": iscoroutinefunction(self.func),
            "positional": tuple(p.name for p in parameters if p.kind in _POSITIONAL),
            "keywords": names if plain else None,
            "required": required,
        }.items():
            object.__setattr__(self, attribute, value)

    @property
    def limit(self) -> Limit | None:
        """Return what bounds how many of its jobs run at one time, None for nothing."""
        places = self.executor.name if self.executor.own_places else ""
        limit = Limit(self.max_running, self.max_running_per_host, self.units, places)
        return None if limit == Limit() else limit

    @property
    def lane(self) -> str:
        """Return the lane that its jobs wait in; empty where nothing bounds them."""
        return "" if self.limit is None else self.name

    def check_call(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        """Raise TypeError naming the parameter unless the function takes these arguments."""
        if not args and self.keywords is not None:
            given = kwargs.keys()
            if given <= self.keywords and self.required <= given:
                return
        try:
            self.signature.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{self.name}{self.signature}: {error}") from None

    def by_name(
        self, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> tuple[list[Any], dict[str, Any]]:
        """Return the arguments of a call with defaults filled in, as many by name as can be."""
        bound = self.signature.bind(*args, **kwargs)
        bound.apply_defaults()
        positional, named = [], {}
        for name, value in bound.arguments.items():
            match self.signature.parameters[name].kind:
                case Parameter.POSITIONAL_ONLY:
                    positional.append(value)
                case Parameter.VAR_POSITIONAL:
                    positional.extend(value)
                case Parameter.VAR_KEYWORD:
                    named.update(value)
                case _:
                    named[name] = value
        return positional, named


def _without_context(definition: Definition) -> tuple[inspect.Signature, Parameter | None, int]:
    """Return the signature of the arguments, the parameter that gets the context, its place."""
    signature = inspect.signature(definition.func)
    parameters = list(signature.parameters.values())
    found = [p for p in parameters if is_context(p, definition.func)]
    if not found and definition.takes_context:
        found = [p for p in parameters[:1] if p.kind in (*_POSITIONAL, Parameter.KEYWORD_ONLY)]
        if not found:
            raise InvalidOption(
                f"{definition.name} takes_context, and has no parameter for it: its first one "
                f"gets the context, or the one annotated JobContext."
            )
    if not found:
        return signature, None, 0
    kept = [p for p in parameters if p is not found[0]]
    return signature.replace(parameters=kept), found[0], parameters.index(found[0])


_definitions: dict[str, Definition] = {}
#: The limits of the definitions, and of which ones.
_limits: tuple[object, dict[str, Limit]] = (None, {})


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


def define(
    func: Callable[..., Any], name: str, executor: str | None, **declared: Any
) -> Definition:
    """Return the definition of ``func``, or raise when its executor cannot run it."""
    kind = choose(executor, is_coroutine=iscoroutinefunction(func), function=name)
    return Definition(name=name, func=func, executor=kind, **declared)


def register(definition: Definition) -> None:
    """Make ``definition`` known; a module that is imported anew may replace its own."""
    known = _definitions.get(definition.name)
    if known is not None:
        first, second = import_path(known.func), import_path(definition.func)
        if first != second:
            raise DuplicateJobName(definition.name, first, second)
    _definitions[definition.name] = definition
    _forget_limits()


def names() -> list[str]:
    """Return the names of all registered job functions."""
    return sorted(_definitions)


def limits() -> Mapping[str, Limit]:
    """Return the limits of all registered job functions that have any, by lane."""
    global _limits
    if _limits[0] is not _definitions:
        found = ((one.lane, one.limit) for one in list(_definitions.values()))
        _limits = (_definitions, {lane: limit for lane, limit in found if limit is not None})
    return _limits[1]


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


def _forget_limits() -> None:
    global _limits
    _limits = (None, {})


def resolve(name: str) -> Definition:
    """Return the definition of ``name``, or raise UnknownJob.

    A plain function is found by its import path if its module belongs to an installed app or
    to JOB_MODULES: what a row names must never decide what code is imported.
    """
    try:
        return _definitions[name]
    except KeyError:
        pass
    definition = _imported(name)
    return _definitions.setdefault(name, definition)


def _imported(name: str) -> Definition:
    module_name, _, attribute = name.rpartition(".")
    if not module_name or not _may_import(module_name):
        reason = "it is not registered, and its module is neither in an installed app nor in "
        raise UnknownJob(name, f"{reason}DJANGO_JOBS['JOB_MODULES'].", names())
    try:
        func = getattr(import_module(module_name), attribute)
    except Exception as error:  # whatever the module does when imported, the job is parked
        raise UnknownJob(name, f"{error}.", names()) from error
    if name in _definitions:  # importing the module has registered it
        return _definitions[name]
    if not inspect.isfunction(func) or func.__module__ != module_name:
        raise UnknownJob(name, "it is not a function of that module.", names())
    return define(func, name, None)


def _may_import(module_name: str) -> bool:
    if apps.get_containing_app_config(module_name) is not None:
        return True
    allowed = options().job_modules
    return any(module_name == m or module_name.startswith(f"{m}.") for m in allowed)
