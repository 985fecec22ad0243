"""What is known of a job function: everything that was said when it was declared."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from inspect import Parameter
from typing import Any

from asgiref.sync import iscoroutinefunction

from django_jobs.backoff import Backoff
from django_jobs.capabilities import Capabilities, choose
from django_jobs.choices import (
    Choices,
    choices_by_name,
    chosen,
    revived,
    signature_of,
    wildcards,
    write_all_problem,
)
from django_jobs.context import is_context
from django_jobs.dependencies import Dependency
from django_jobs.encoding import encode
from django_jobs.exceptions import InvalidOption, NotStorable
from django_jobs.limits import Limit
from django_jobs.options import UniqueKey
from django_jobs.parameters import Parameter as TaskParameter
from django_jobs.parameters import parameters_of, summary
from django_jobs.rates import Rate

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
    #: False for a plain function that was found by its import path.
    is_declared: bool = True
    #: What a run takes of its host's budget.
    units: int = 1
    #: Runs at one time, everywhere and on one host; None for as many as there are places.
    max_running: int | None = None
    max_running_per_host: int | None = None
    #: What its jobs share limits per key by, and how many of one key run at one time.
    concurrency_key: UniqueKey | None = None
    max_running_per_key: int | None = None
    #: Whether a job waits until the one before it, of the same key, has ended for good.
    ordered: bool = False
    #: Starts in a time, of all and of those of one key.
    rate_limit: Rate | None = None
    rate_limit_per_key: Rate | None = None
    #: Seconds after its time in which it may begin.
    expires_after: float | None = None
    #: What SQL calls it together with the name of the function: its module, where nobody says.
    type_key: str = ""
    #: The parameters for which ALL may be passed: their names, or True for all with choices.
    write_all: tuple[str, ...] | bool = ()
    #: Runs that must have succeeded before one of its own may begin.
    depends_on: tuple[Dependency, ...] = ()
    #: Names that it had before: jobs that were enqueued under them are run by it.
    aliases: tuple[str, ...] = ()
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
            "type_key": self.type_key or self.module_key,
        }.items():
            object.__setattr__(self, attribute, value)

    @property
    def known_as(self) -> tuple[str, ...]:
        """Return all names under which its jobs may be found, the present one first."""
        return (self.name, *self.aliases)

    @property
    def limit(self) -> Limit | None:
        """Return what bounds how many of its jobs run at one time, None for nothing."""
        places = self.executor.name if self.executor.own_places else ""
        limit = Limit(
            self.max_running,
            self.max_running_per_host,
            self.units,
            places,
            self.max_running_per_key,
            self.concurrency_key is not None,
            self.ordered,
            self._lines_up,
            self.rate_limit,
            self.rate_limit_per_key,
        )
        return None if limit == Limit() else limit

    @property
    def _lines_up(self) -> bool:
        # Where order counts, a job that is to be tried again must not be overtaken by those behind.
        alone = self.max_running is None and self.max_running_per_host is None and not self.ordered
        return alone and self.max_running_per_key == 1 and self.executor.lines_up

    @property
    def lane(self) -> str:
        """Return the lane that its jobs wait in; empty where nothing bounds them."""
        return "" if self.limit is None else self.name

    @property
    def module_key(self) -> str:
        """Return the type key of whoever gives none: the last part of the module's name."""
        return self.func.__module__.rpartition(".")[2]

    @property
    def task_key(self) -> str:
        """Return what SQL calls it together with its type key."""
        return self.func.__name__

    # Looked at when they are first asked for: text in annotations may name what comes later in its
    # module, and few processes ask for all of them.

    @cached_property
    def choices(self) -> Mapping[str, Choices]:
        """Return the values that some parameters are restricted to, by their names."""
        return choices_by_name(self.signature, self.func, self.write_all)

    @cached_property
    def has_members(self) -> bool:
        """Return whether the function gets members of an Enum."""
        return any(one.has_members for one in self.choices.values())

    @cached_property
    def parameters(self) -> tuple[TaskParameter, ...]:
        """Return the parameters, as the signature and the docstring tell of them."""
        return parameters_of(self.signature, self.func, self.choices)

    @property
    def takes_any(self) -> bool:
        """Return whether it takes keyword arguments of any name."""
        return any(p.kind is p.VAR_KEYWORD for p in self.signature.parameters.values())

    @property
    def help(self) -> str:
        """Return what the docstring says first."""
        return summary(self.func)

    def choose(
        self, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> tuple[tuple[Any, ...], Mapping[str, Any]]:
        """Return the arguments as they are stored; raise InvalidArgument for what is no choice."""
        return chosen(self.name, self.choices, self.positional, args, kwargs)

    def revive(
        self, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return stored arguments as the function gets them."""
        return revived(self.choices, self.positional, args, kwargs)

    def wildcards(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> list[str]:
        """Return the parameters whose argument stands for all of their values.

        A job with any is not run: it makes one job for each combination of the values.
        """
        return wildcards(self.choices, self.positional, args, kwargs)

    def write_all_problem(self, *, is_final: bool) -> str:
        """Return what is wrong with ``write_all``, or nothing."""
        if not self.write_all:
            return ""
        return write_all_problem(
            self.name, self.func, self.signature, self.write_all, is_final=is_final
        )

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
        return tuple(positional), {**self._storable_defaults(bound.arguments), **named}

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
    kinds = {name: signature.parameters[name].kind for name in bound.arguments}
    # What stands before those that *args gathers can only be passed by position itself.
    gathers = any(bound.arguments[n] for n, k in kinds.items() if k is Parameter.VAR_POSITIONAL)
    positional: list[Any] = []
    named: dict[str, Any] = {}
    for name, value in bound.arguments.items():
        match kinds[name]:
            case Parameter.VAR_POSITIONAL:
                positional.extend(value)
            case Parameter.VAR_KEYWORD:
                named.update(value)
            case Parameter.POSITIONAL_ONLY:
                positional.append(value)
            case Parameter.POSITIONAL_OR_KEYWORD if gathers:
                positional.append(value)
            case _:
                named[name] = value
    return positional, named


def _without_context(definition: Definition) -> tuple[inspect.Signature, Parameter | None, int]:
    """Return the signature of the arguments, the parameter that gets the context, its place."""
    signature = signature_of(definition.func)
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
