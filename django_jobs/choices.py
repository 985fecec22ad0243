"""Parameters that take some values only, as their annotations say, and what stands for all."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from enum import Enum, Flag
from math import prod
from types import UnionType
from typing import Annotated, Any, ForwardRef, Literal, Union, get_args, get_origin

from django_jobs import encoding
from django_jobs.exceptions import InvalidArgument, InvalidOption, JobsError, did_you_mean

#: The argument that stands for all values of its parameter.
ALL = "ALL"

#: Jobs that one with ALL in it may make.
MOST = 100_000

_NAMED = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


class Choices:
    """The values that a parameter takes, as they are stored: a member of an Enum by its value."""

    __slots__ = ("_members", "_stored", "may_be_all", "values")

    def __init__(self, allowed: Iterable[Any], *, may_be_all: bool = False) -> None:
        self.may_be_all = may_be_all
        self._stored: dict[object, Any] = {}
        #: The members, by the key of their values.
        self._members: dict[object, Enum] = {}
        for one in allowed:
            value = one.value if isinstance(one, Enum) else one
            self._stored.setdefault(_key(value), value)
            if isinstance(one, Enum):
                self._members.setdefault(_key(value), one)
        self.values = tuple(self._stored.values())

    @property
    def has_members(self) -> bool:
        """Return whether the function gets members of an Enum."""
        return bool(self._members)

    def __contains__(self, value: object) -> bool:
        return _key(value) in self._stored

    def stored(self, value: Any) -> Any:
        """Return what is stored for an argument; raise KeyError where it is no choice."""
        if isinstance(value, Enum) and value in self._members.values():
            return value.value
        return self._stored[_key(value)]

    def member(self, value: Any) -> Any:
        """Return what the function gets for what is stored; raise ValueError for a lost member."""
        if not self._members:
            return value
        key = _key(value)
        if key not in self._stored:
            raise ValueError(f"{value!r} is no choice any more.")
        return self._members.get(key, value)

    def label(self, value: Any) -> str:
        """Return how people read a value: the label of Django's choices, if it has one."""
        return str(getattr(self._members.get(_key(value)), "label", value))

    def covering(self) -> Choices:
        """Return the same choices, which ALL may stand for."""
        allowed = [self._members.get(key, value) for key, value in self._stored.items()]
        return Choices(allowed, may_be_all=True)


def _key(value: Any) -> object:
    # True is 1 to Python, and not to JSON.
    if isinstance(value, str | int | float):
        return value, isinstance(value, bool)
    return type(value).__name__, repr(value)


# What annotations say ------------------------------------------------------------------------


def signature_of(func: Callable[..., Any]) -> inspect.Signature:
    """Return the signature; a name in it that is not there yet is no error."""
    if sys.version_info >= (3, 14):
        from annotationlib import Format

        return inspect.signature(func, annotation_format=Format.FORWARDREF)
    return inspect.signature(func)


def resolved(annotation: Any, func: Callable[..., Any]) -> Any:
    """Return what an annotation written as text means; as it is, where nobody can say."""
    space = getattr(inspect.unwrap(func), "__globals__", {})
    for _ in range(2):  # what is quoted in a module whose annotations are text is text twice
        if isinstance(annotation, ForwardRef):
            annotation = annotation.__forward_arg__
        if not isinstance(annotation, str):
            break
        with suppress(Exception):  # a name that is there for type checkers alone
            annotation = eval(annotation, space)  # noqa: S307 - source code
    return annotation


def choices_of(annotation: Any, func: Callable[..., Any]) -> Choices | None:
    """Return the choices that an annotation lists, None where it lists none."""
    allowed = _allowed(annotation, func)
    if not allowed or all(value is None for value in allowed):
        return None
    return Choices(allowed) if all(map(_is_storable, allowed)) else None


def _allowed(annotation: Any, func: Callable[..., Any]) -> list[Any] | None:
    meant = resolved(annotation, func)
    origin = get_origin(meant)
    if isinstance(meant, list | tuple):
        return list(meant)
    if meant is None or meant is type(None):
        return [None]
    if origin is Annotated:
        return _allowed(get_args(meant)[0], func)
    if origin is Literal:
        return list(get_args(meant))
    if origin is Union or origin is UnionType:
        parts = [_allowed(part, func) for part in get_args(meant)]
        return None if None in parts else [value for part in parts for value in part or ()]
    if type(meant).__name__ == "TypeAliasType":
        return _allowed(meant.__value__, func)
    # Flags are there to be combined.
    if isinstance(meant, type) and issubclass(meant, Enum) and not issubclass(meant, Flag):
        return list(meant)
    return None


def _is_storable(allowed: object) -> bool:
    try:
        encoding.encode(allowed.value if isinstance(allowed, Enum) else allowed)
    except JobsError:
        return False
    return True


def choices_by_name(
    signature: inspect.Signature, func: Callable[..., Any], write_all: object = ()
) -> dict[str, Choices]:
    """Return the choices of those parameters that have any; ``write_all`` is True or names."""
    found = {}
    for parameter in signature.parameters.values():
        if parameter.annotation is parameter.empty or parameter.kind in _NAMED:
            continue
        choices = choices_of(parameter.annotation, func)
        if choices is not None:
            covers = write_all is True or parameter.name in write_all  # type: ignore[operator]
            found[parameter.name] = choices.covering() if covers else choices
    return found


def write_all_problem(
    function: str,
    func: Callable[..., Any],
    signature: inspect.Signature,
    write_all: tuple[str, ...] | bool,
    *,
    is_final: bool,
) -> str:
    """Return what is wrong with ``write_all``, or nothing.

    Unless it ``is_final``, annotations that mean nothing yet may come to mean something.
    """
    parameters = signature.parameters
    names = list(parameters) if isinstance(write_all, bool) else write_all
    for name in names:
        if name not in parameters:
            return (
                f"write_all names {name!r}, and {function} has no such parameter."
                f"{did_you_mean(name, parameters)}"
            )
    found = choices_by_name(signature, func, write_all)
    for name, choices in found.items():
        if choices.may_be_all and ALL in choices:
            return f"write_all: {ALL!r} is itself a value of {name}, so it cannot stand for all."
    lacking = [name for name in names if name not in found]
    if isinstance(write_all, bool) and found:
        return ""
    if not is_final:
        meant = (resolved(parameters[name].annotation, func) for name in lacking)
        if any(isinstance(one, str) for one in meant):
            return ""
    if not lacking and not isinstance(write_all, bool):
        return ""
    which = "a parameter" if isinstance(write_all, bool) else repr(lacking[0])
    return (
        f"write_all needs {which} of {function} to list its values, and it does not: annotate it "
        f"[1, 2, 3], Literal[1, 2, 3] or as an Enum."
    )


# What calls pass -----------------------------------------------------------------------------


def chosen(
    function: str,
    choices: Mapping[str, Choices],
    names: Sequence[str],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
) -> tuple[tuple[Any, ...], Mapping[str, Any]]:
    """Return the arguments of a call as they are stored, or raise InvalidArgument.

    ``names`` are those of the positional parameters.
    """
    given = dict(named(names, args, kwargs)) if args else kwargs
    picked: dict[str, Any] = {}
    covered = []
    for name, one in choices.items():
        if name not in given:
            continue
        value = given[name]
        if is_all(one, value):
            covered.append(name)
        elif (stored := _pick(function, name, one, value)) is not value:
            picked[name] = stored
    if covered and (count := prod(len(choices[name].values) for name in covered)) > MOST:
        raise InvalidOption(
            f"{function}: {ALL!r} for {', '.join(covered)} would make {count:,} jobs, more than "
            f"{MOST:,}: name the values of one of them."
        )
    return replaced(names, args, kwargs, picked)


def revived(
    choices: Mapping[str, Choices],
    names: Sequence[str],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return stored arguments as the function gets them: members of an Enum where it says so."""
    members = {
        name: choices[name].member(value)
        for name, value in named(names, args, kwargs)
        if name in choices and not is_all(choices[name], value)
    }
    args, kwargs = replaced(names, args, kwargs, members)
    return args, dict(kwargs)


def wildcards(
    choices: Mapping[str, Choices],
    names: Sequence[str],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
) -> list[str]:
    """Return the parameters whose argument stands for all of their values, as they are declared."""
    given = dict(named(names, args, kwargs))
    return [name for name, one in choices.items() if is_all(one, given.get(name))]


def is_all(choices: Choices, value: object) -> bool:
    """Return whether an argument stands for all values of its parameter."""
    return choices.may_be_all and type(value) is str and value == ALL


def named(
    names: Sequence[str], args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> Iterator[tuple[str, Any]]:
    """Yield the arguments of a call with the names of their parameters."""
    yield from zip(names, args, strict=False)
    yield from kwargs.items()


def replaced(
    names: Sequence[str],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    others: Mapping[str, Any],
) -> tuple[tuple[Any, ...], Mapping[str, Any]]:
    """Return the arguments of a call with other values for some parameters."""
    if not others:
        return args, kwargs
    by_place = dict(zip(range(len(args)), names, strict=False))
    changed = tuple(others.get(by_place.get(n, ""), value) for n, value in enumerate(args))
    return changed, {name: others.get(name, value) for name, value in kwargs.items()}


def _pick(function: str, name: str, choices: Choices, value: Any) -> Any:
    try:
        return choices.stored(value)
    except KeyError:
        raise InvalidArgument(function, name, value, choices.values, covers=ALL) from None
