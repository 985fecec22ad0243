"""What is known of a job function: everything that was said when it was declared."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from inspect import Parameter
from typing import Any

from asgiref.sync import iscoroutinefunction

from django_jobs.backoff import Backoff
from django_jobs.capabilities import Capabilities, choose
from django_jobs.context import is_context
from django_jobs.dependencies import Dependency
from django_jobs.encoding import encode
from django_jobs.exceptions import InvalidOption, NotStorable
from django_jobs.limits import Limit
from django_jobs.options import UniqueKey

_POSITIONAL = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
_UNNAMED = (Parameter.POSITIONAL_ONLY, Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)


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
    #: Runs that must have succeeded before one of its own may begin.
    depends_on: tuple[Dependency, ...] = ()
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

    def remembered(
        self, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return a call as jobs are found by: by name, with those defaults that can be stored."""
        bound = self.signature.bind(*args, **kwargs)
        positional, named = _by_name(self.signature, bound)
        return tuple(positional), {**self._storable_defaults(named), **named}

    def _storable_defaults(self, given: Mapping[str, Any]) -> dict[str, Any]:
        found = {}
        for parameter in self.signature.parameters.values():
            has_default = parameter.default is not parameter.empty
            if has_default and parameter.kind not in _UNNAMED and parameter.name not in given:
                try:
                    encode(parameter.default)
                except NotStorable:
                    continue
                found[parameter.name] = parameter.default
        return found

    def by_name(
        self, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> tuple[list[Any], dict[str, Any]]:
        """Return the arguments of a call with defaults filled in, as many by name as can be."""
        bound = self.signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return _by_name(self.signature, bound)


def _by_name(
    signature: inspect.Signature, bound: inspect.BoundArguments
) -> tuple[list[Any], dict[str, Any]]:
    positional, named = [], {}
    for name, value in bound.arguments.items():
        match signature.parameters[name].kind:
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


def define(
    func: Callable[..., Any], name: str, executor: str | None, **declared: Any
) -> Definition:
    """Return the definition of ``func``, or raise when its executor cannot run it."""
    kind = choose(executor, is_coroutine=iscoroutinefunction(func), function=name)
    return Definition(name=name, func=func, executor=kind, **declared)
