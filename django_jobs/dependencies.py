"""What a job function may depend on: runs of others, described by their arguments."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django_jobs import encoding
from django_jobs.durations import seconds
from django_jobs.exceptions import InvalidDependency, InvalidOption, did_you_mean
from django_jobs.options import check_name

_OPERATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
}


@dataclass(frozen=True)
class _Step:
    """One operation of a calculation."""

    sign: str
    other: Any
    #: Whether what there is so far stands to the right of the sign.
    is_right: bool = False


@dataclass(frozen=True)
class Same:
    """Stands for an argument of the job that depends, and for what is calculated from it."""

    #: Of the argument; None for the one with the name of the parameter that it is given for.
    _name: str | None = None
    _steps: tuple[_Step, ...] = ()

    def __call__(self, name: str) -> Same:
        """Return what stands for the argument ``name``."""
        return Same(check_name(name, "the name of an argument"), self._steps)

    def __getattr__(self, name: str) -> Same:
        """Return what stands for the argument ``name``."""
        if name.startswith("_"):
            raise AttributeError(name)
        return self(name)

    def __add__(self, other: Any) -> Same:
        return self._and("+", other)

    def __sub__(self, other: Any) -> Same:
        return self._and("-", other)

    def __mul__(self, other: Any) -> Same:
        return self._and("*", other)

    def __truediv__(self, other: Any) -> Same:
        return self._and("/", other)

    def __radd__(self, other: Any) -> Same:
        return self._and("+", other, is_right=True)

    def __rsub__(self, other: Any) -> Same:
        return self._and("-", other, is_right=True)

    def __rmul__(self, other: Any) -> Same:
        return self._and("*", other, is_right=True)

    def __rtruediv__(self, other: Any) -> Same:
        return self._and("/", other, is_right=True)

    def __repr__(self) -> str:
        text = "same" if self._name is None else f"same.{self._name}"
        for number, step in enumerate(self._steps):
            text = f"({text})" if number else text
            left, right = (repr(step.other), text) if step.is_right else (text, repr(step.other))
            text = f"{left} {step.sign} {right}"
        return text

    def _and(self, sign: str, other: Any, *, is_right: bool = False) -> Same:
        return Same(self._name, (*self._steps, _Step(sign, other, is_right)))

    def names(self, parameter: str) -> set[str]:
        """Return the arguments that are needed where it is given for ``parameter``."""
        others = [step.other for step in self._steps if isinstance(step.other, Same)]
        return {self._name or parameter}.union(*(other.names(parameter) for other in others))

    def value(self, parameter: str, own: Mapping[str, Any]) -> Any:
        """Return what it comes to, given for ``parameter``, where the job has arguments ``own``.

        Raise whatever the calculation raises, LookupError where an argument is missing.
        """
        name = self._name or parameter
        if name not in own:
            raise LookupError(f"there is no argument {name!r}.{did_you_mean(name, own)}")
        value = own[name]
        for step in self._steps:
            other = step.other
            if isinstance(other, Same):
                other = other.value(parameter, own)
            pair = (other, value) if step.is_right else (value, other)
            value = _OPERATIONS[step.sign](*pair)
        return value


#: The argument of the same name of the job that depends.
same = Same()


class Dependency:
    """A run that must have succeeded before a job may begin.

    ``job`` is a job function or its name, ``hours`` how long ago it may have ended: a number of
    hours or a timedelta; None for any run that is still kept. The arguments are those that it must
    have had, among others. Raise InvalidOption, or NotStorable.
    """

    __slots__ = ("args", "name", "window")

    #: The name of the job function.
    name: str
    #: Seconds; None for any time.
    window: float | None
    args: Mapping[str, Any]

    def __init__(self, job: Any, hours: float | timedelta | None = None, /, **args: Any) -> None:
        self.name = _name(job)
        self.window = None if hours is None else _window(hours)
        self.args = args
        for name, value in args.items():
            if not isinstance(value, Same):
                encoding.encode(value, name)

    def __repr__(self) -> str:
        return f"Dependency({', '.join([self.name, *self._given()])})"

    def _given(self) -> list[str]:
        return [f"{name}={value!r}" for name, value in self.args.items()]

    def evaluated(self, own: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments that it asks for, for a job that has the arguments ``own``.

        Raise InvalidDependency, saying which of them cannot be worked out.
        """
        values = {}
        for name, given in self.args.items():
            try:
                values[name] = given.value(name, own) if isinstance(given, Same) else given
                encoding.encode(values[name], name)
            except Exception as error:  # whatever somebody's arithmetic comes to
                raise InvalidDependency(
                    f"{self!r}: {name}={given!r} cannot be worked out: "
                    f"{type(error).__name__}: {error}"
                ) from error
        return values


def check(value: object) -> tuple[Dependency, ...]:
    """Return one dependency or several as a tuple, or raise InvalidOption."""
    given = tuple(value) if isinstance(value, list | tuple) else (value,)
    for one in given:
        if not isinstance(one, Dependency):
            raise InvalidOption(
                f"depends_on takes a Dependency or a list of them, not {one!r}: write "
                f"Dependency(function, hours, argument=same)."
            )
    return given


def _name(job: object) -> str:
    declared = getattr(job, "job", job)
    if isinstance(declared, str):
        return check_name(declared, "the job of a Dependency")
    func = getattr(declared, "func", None)
    if isinstance(func, str):  # a spec
        return func
    name = getattr(job, "__qualname__", "<lambda>")
    if callable(job) and name.isidentifier():
        return f"{job.__module__}.{name}"
    raise InvalidOption(
        f"A Dependency needs a job function, or the name of one, not {job!r}: a function that is "
        f"declared later is given by its name."
    )


def _window(hours: float | timedelta) -> float:
    if isinstance(hours, timedelta):
        return seconds(hours, "the window of a Dependency")
    if isinstance(hours, bool) or not isinstance(hours, int | float):
        raise InvalidOption(
            f"The window of a Dependency must be hours or a timedelta, not {hours!r}."
        )
    return seconds(hours * 3600, "the window of a Dependency")
