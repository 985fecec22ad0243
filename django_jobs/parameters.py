"""The parameters of a job function, as its signature and its docstring tell of them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from django_jobs.choices import Choices, resolved

_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)

#: ``:param name: text``, and with a type before the name.
_FIELD = re.compile(r"^:(?:param|parameter|arg|argument)\s+(?:[^:]*\s)?\*{0,2}(\w+)\s*:\s*(.*)$")
_OTHER_FIELD = re.compile(r"^:\w+[^:]*:")
#: The heading of the arguments in Google's style, and one of them: ``name (type): text``.
_HEADING = re.compile(r"^(Args|Arguments|Parameters):$")
_ITEM = re.compile(r"^\*{0,2}(\w+)\s*(?:\([^)]*\))?:\s*(.*)$")


@dataclass(frozen=True)
class Parameter:
    """One parameter of a job function."""

    name: str
    #: The name of its type, as it is written; empty where there is none.
    type: str
    required: bool
    #: What the signature says; meaningless where it is required.
    default: Any
    #: Whether it is passed by position only, so that nobody can name it.
    positional_only: bool
    choices: Choices | None
    help: str


def parameters_of(
    signature: inspect.Signature, func: Callable[..., Any], choices: Mapping[str, Choices]
) -> tuple[Parameter, ...]:
    """Return the parameters that a call may name, without ``*args`` and ``**kwargs``."""
    told = parameter_help(func)
    return tuple(
        Parameter(
            name=one.name,
            type=_type_of(one, func, choices.get(one.name)),
            required=one.default is one.empty,
            default=None if one.default is one.empty else one.default,
            positional_only=one.kind is one.POSITIONAL_ONLY,
            choices=choices.get(one.name),
            help=told.get(one.name, ""),
        )
        for one in signature.parameters.values()
        if one.kind not in _VARIADIC
    )


# Types ---------------------------------------------------------------------------------------


def _type_of(
    parameter: inspect.Parameter, func: Callable[..., Any], choices: Choices | None
) -> str:
    if parameter.annotation is parameter.empty:
        return ""
    meant = resolved(parameter.annotation, func)
    if isinstance(meant, list | tuple) and choices is not None:
        return _joined(type(value).__name__ for value in choices.values)
    return type_name(meant)


def type_name(meant: Any) -> str:
    """Return an annotation as people write it: ``int | None``, ``list[str]``, ``Decimal``."""
    origin = get_origin(meant)
    if isinstance(meant, str):
        return meant
    if meant is None or meant is type(None):
        return "None"
    if origin is Annotated:
        return type_name(get_args(meant)[0])
    if origin is Union or origin is UnionType:
        return _joined(map(type_name, get_args(meant)))
    if origin is Literal:
        values = (one.value if isinstance(one, Enum) else one for one in get_args(meant))
        return _joined(type(value).__name__ for value in values)
    if isinstance(meant, type) and origin is None:
        return meant.__qualname__
    return inspect.formatannotation(meant)


def _joined(names: Any) -> str:
    return " | ".join(dict.fromkeys("None" if name == "NoneType" else name for name in names))


# Docstrings ----------------------------------------------------------------------------------


def summary(func: Callable[..., Any]) -> str:
    """Return the first paragraph of the docstring, on one line."""
    lines: list[str] = []
    for line in _lines(func):
        if not line.strip() or _OTHER_FIELD.match(line) or _HEADING.match(line):
            break
        lines.append(line.strip())
    return " ".join(lines)


def parameter_help(func: Callable[..., Any]) -> dict[str, str]:
    """Return what the docstring says about each parameter: ``:param x:``, or below ``Args:``."""
    return {
        name: " ".join(" ".join(words).split())
        for name, words in {**_google_style(_lines(func)), **_fields(_lines(func))}.items()
    }


def _lines(func: Callable[..., Any]) -> list[str]:
    return (inspect.getdoc(func) or "").splitlines()


def _fields(lines: list[str]) -> dict[str, list[str]]:
    told: dict[str, list[str]] = {}
    words: list[str] | None = None
    for line in lines:
        if found := _FIELD.match(line):
            words = told.setdefault(found[1], [])
            words.append(found[2])
        elif not line.strip() or _OTHER_FIELD.match(line):
            words = None
        elif words is not None and line[:1].isspace():
            words.append(line)
    return told


def _google_style(lines: list[str]) -> dict[str, list[str]]:
    told: dict[str, list[str]] = {}
    words: list[str] | None = None
    indent: int | None = None
    inside = False
    for line in lines:
        depth = len(line) - len(line.lstrip())
        if line.strip() and not depth:
            inside, indent, words = bool(_HEADING.match(line)), None, None
        elif inside and line.strip():
            indent = depth if indent is None else indent
            found = _ITEM.match(line.strip()) if depth <= indent else None
            if found:
                words = told.setdefault(found[1], [])
                words.append(found[2])
            elif words is not None:
                words.append(line)
    return told
