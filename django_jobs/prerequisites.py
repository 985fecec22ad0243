"""What one job waits for: its function's dependencies, worked out for its own arguments."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from hashlib import sha256
from inspect import Parameter
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from django_jobs import encoding
from django_jobs.choices import resolved
from django_jobs.definitions import Definition
from django_jobs.dependencies import Dependency, Same
from django_jobs.exceptions import InvalidDependency, UnknownJob, did_you_mean
from django_jobs.options import INTEGER_MAX
from django_jobs.prepared import Origin
from django_jobs.registry import names, resolve
from django_jobs.specs import JobSpec

_NAMED = (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)
_NOTHING = object()


@dataclass(frozen=True)
class Prerequisite:
    """A run that one job needs: of which function, with which arguments, how long ago at most."""

    definition: Definition
    #: Seconds; None for any time.
    window: float | None
    #: Arguments that it must have had, among others, as JSON text.
    given: str
    #: What it is enqueued with where there is none.
    kwargs: Mapping[str, Any] | None
    #: Why it cannot be enqueued; empty where it can.
    obstacle: str = ""

    @property
    def key(self) -> str:
        """Return what is the same for all who ask for the same: the key it is enqueued under."""
        text = f"{self.definition.name} {self.given}"
        return f"dependency:{sha256(text.encode()).hexdigest()}"

    def spec(self, *, parent: int, priority: int) -> JobSpec:
        """Return it as a job that goes before its parent; raise InvalidDependency."""
        if self.kwargs is None:
            raise InvalidDependency(self.obstacle)
        own_key = self.definition.unique_key
        return JobSpec(
            func=self.definition.name,
            kwargs=self.kwargs,
            priority=min(priority + 1, INTEGER_MAX),
            unique_key=self.key if own_key is None else None,
        ).coming_from(Origin(parent_id=parent, unsettled=True))


def prerequisites(
    definition: Definition, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> list[Prerequisite]:
    """Return what a job of a function needs, with these arguments, before it may begin.

    Raise InvalidDependency where that cannot be worked out, UnknownJob, or TypeError where the
    arguments do not fit the function.
    """
    own = own_arguments(definition, args, kwargs)
    evaluated = [(one, one.evaluated(own)) for one in definition.depends_on]
    return [_prerequisite(one, asked, own, evaluated) for one, asked in evaluated]


def own_arguments(
    definition: Definition, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the arguments of a call by name, with the defaults of the signature filled in."""
    bound = definition.signature.bind(*args, **kwargs)
    bound.apply_defaults()
    own = {}
    for name, value in bound.arguments.items():
        if definition.signature.parameters[name].kind is Parameter.VAR_KEYWORD:
            own.update(value)
        else:
            own[name] = value
    return own


def _prerequisite(
    dependency: Dependency,
    asked: Mapping[str, Any],
    own: Mapping[str, Any],
    evaluated: Sequence[tuple[Dependency, Mapping[str, Any]]],
) -> Prerequisite:
    definition = resolve(dependency.name)
    # In one order, so that all who ask for the same have the same text.
    given = json.dumps(json.loads(encoding.encode_kwargs(asked)), sort_keys=True)
    kwargs: dict[str, Any] = {**definition.kwargs, **asked}
    obstacle = ""
    for parameter in _missing(definition, asked):
        value = _filled(parameter, definition)
        if value is _NOTHING:
            value = own.get(parameter.name, _NOTHING)
        if value is _NOTHING:
            value = _agreed([args for _, args in evaluated], parameter.name)
        if value is _NOTHING or parameter.kind not in _NAMED:
            obstacle = _unfillable(dependency, parameter)
        kwargs[parameter.name] = value
    return Prerequisite(
        definition, dependency.window, given, None if obstacle else kwargs, obstacle
    )


# What nobody gives --------------------------------------------------------------------------------


def _missing(definition: Definition, asked: Mapping[str, Any]) -> Iterator[Parameter]:
    """Return the parameters that a function requires, and that nothing says a value of."""
    for parameter in definition.signature.parameters.values():
        if (
            parameter.kind in (*_NAMED, Parameter.POSITIONAL_ONLY)
            and parameter.default is Parameter.empty
            and parameter.name not in asked
            and parameter.name not in definition.kwargs
        ):
            yield parameter


def _filled(parameter: Parameter, definition: Definition) -> Any:
    """Return the first of a parameter's choices; None where its type admits that."""
    annotation = resolved(parameter.annotation, definition.func)
    if isinstance(annotation, list | tuple) and annotation:
        return annotation[0]
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return next((member.value for member in annotation), _NOTHING)
    if get_origin(annotation) is Literal:
        return get_args(annotation)[0]
    if annotation in (None, NoneType):
        return None
    if get_origin(annotation) in (Union, UnionType) and NoneType in get_args(annotation):
        return None
    return _NOTHING


def _agreed(siblings: Sequence[Mapping[str, Any]], name: str) -> Any:
    """Return what all those of a job's dependencies that speak of ``name`` say of it."""
    values = [args[name] for args in siblings if name in args]
    return values[0] if values and all(one == values[0] for one in values) else _NOTHING


def _unfillable(dependency: Dependency, parameter: Parameter) -> str:
    if parameter.kind not in _NAMED:
        return (
            f"{dependency!r}: {dependency.name} takes {parameter.name!r} by position only, and a "
            f"Dependency gives arguments by name: let it be named, or give it a default."
        )
    return (
        f"{dependency!r}: nobody says what {parameter.name!r} is to be, which {dependency.name} "
        f"requires: give it, give the parameter a default, or declare its choices."
    )


# What can be known beforehand ---------------------------------------------------------------------


def problems(definition: Definition) -> Iterator[tuple[str, str]]:
    """Return what is wrong with a function's dependencies: ``unknown`` or ``arguments``, a text."""
    for dependency in definition.depends_on:
        try:
            wanted = resolve(dependency.name)
        except UnknownJob as error:
            yield "unknown", f"{definition.name} depends on a job that is not there: {error}"
            continue
        for problem in _problems(definition, dependency, wanted):
            yield "arguments", f"{definition.name} depends on {dependency!r}: {problem}"


def _problems(definition: Definition, dependency: Dependency, wanted: Definition) -> Iterator[str]:
    own = definition.signature.parameters
    takes = {p.name for p in wanted.signature.parameters.values() if p.kind in _NAMED}
    for name, value in dependency.args.items():
        if name not in takes and not _takes_any(wanted):
            near = did_you_mean(name, takes)
            yield f"{wanted.name} takes no argument {name!r} by name.{near}"
        for needed in sorted(value.names(name)) if isinstance(value, Same) else ():
            if needed not in own and not _takes_any(definition):
                yield f"{definition.name} has no argument {needed!r}.{did_you_mean(needed, own)}"
    spoken_of = {name for one in definition.depends_on for name in one.args}
    for parameter in _missing(wanted, dependency.args):
        is_known = parameter.name in own or parameter.name in spoken_of
        is_told = is_known or _filled(parameter, wanted) is not _NOTHING
        if not is_told or parameter.kind not in _NAMED:
            yield _unfillable(dependency, parameter)


def _takes_any(definition: Definition) -> bool:
    return any(p.kind is p.VAR_KEYWORD for p in definition.signature.parameters.values())


def circles() -> list[list[str]]:
    """Return the circles in which job functions depend on each other, each beginning with a name
    that it also ends with.
    """
    found: dict[frozenset[str], list[str]] = {}
    done: set[str] = set()
    for start in names():
        _follow(start, [], done, found)
    return list(found.values())


def _follow(
    name: str, path: list[str], done: set[str], found: dict[frozenset[str], list[str]]
) -> None:
    if name in path:
        circle = path[path.index(name) :]
        found.setdefault(frozenset(circle), [*circle, name])
    elif name not in done:
        try:
            depends_on = resolve(name).depends_on
        except UnknownJob:
            depends_on = ()
        for dependency in depends_on:
            _follow(dependency.name, [*path, name], done, found)
        done.add(name)
