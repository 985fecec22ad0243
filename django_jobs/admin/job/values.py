"""Stored values as people read them: JSON, indented, with dates, decimals and rows in words."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

from django.utils.translation import gettext as _

from django_jobs import wording

#: Characters that are shown of one value.
MOST = 20_000
_INDENT = "  "


def readable(value: Any) -> str:
    """Return a stored value as text for people; cut, and said so, where it is very long."""
    parts: list[str] = []
    length = 0
    try:
        for part in _parts(value, "\n"):
            parts.append(part)
            length += len(part)
            if length > MOST:
                break
    except RecursionError:
        return _("It is nested too deep to be shown.")
    text = "".join(parts)
    if length <= MOST:
        return text
    return f"{text[:MOST]}\n… " + _("cut after %(n)s characters") % {"n": wording.number(MOST)}


def _parts(value: Any, line: str) -> Iterator[str]:
    """Yield pieces of text; ``line`` begins a new line at the present depth."""
    if isinstance(value, dict):
        if len(value) == 1 and (told := _tagged(*next(iter(value.items())))) is not None:
            kind, content = told
            yield f"{kind} " if kind else ""
            if isinstance(content, str):
                yield content
            else:
                yield from _parts(content, line)
            return
        pairs = ((f"{_quoted(_key(key))}: ", inner) for key, inner in value.items())
        yield from _members("{", pairs, "}", line)
    elif isinstance(value, list | tuple):
        yield from _members("[", (("", inner) for inner in value), "]", line)
    else:
        yield _quoted(value)


def _members(
    opening: str, pairs: Iterator[tuple[str, Any]], closing: str, line: str
) -> Iterator[str]:
    yield opening
    inner_line, between = line + _INDENT, ""
    for label, inner in pairs:
        yield f"{between}{inner_line}{label}"
        yield from _parts(inner, inner_line)
        between = ","
    yield f"{line if between else ''}{closing}"


def _key(key: str) -> str:
    return key[1:] if key[:2] == "$$" else key


def _quoted(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _tagged(tag: str, content: Any) -> tuple[str, Any] | None:
    """Return the kind of a tagged value, and its text or what it holds; None for no tag."""
    make = _KINDS.get(tag)
    try:
        return None if make is None else make(content)
    except (TypeError, ValueError):  # tagged as what it is not
        return None


def _timedelta(content: str) -> tuple[str, str]:
    return "timedelta", str(timedelta(*_numbers(content)))


def _numbers(content: str) -> tuple[int, int, int]:
    days, seconds, microseconds = map(int, content.split(":"))
    return days, seconds, microseconds


def _row(content: Any) -> tuple[str, Any]:
    label, key, _using = content
    return str(label), f"#{key}" if isinstance(key, str | int) else key


def _text(kind: str) -> Callable[[Any], tuple[str, str]]:
    return lambda content: (kind, str(content))


_KINDS: dict[str, Callable[[Any], tuple[str, Any]]] = {
    "$datetime": _text("datetime"),
    "$date": _text("date"),
    "$time": _text("time"),
    "$timedelta": _timedelta,
    "$decimal": _text("Decimal"),
    "$uuid": _text("UUID"),
    "$float": _text(""),
    "$tuple": lambda content: ("tuple", content),
    "$model": _row,
    "$json": lambda content: ("", json.loads(content)),
    "$result": lambda _content: (_("the result of a step before"), ""),
    "$previous": lambda _content: (_("the result of the step before"), ""),
}
