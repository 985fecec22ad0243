"""Values without their secrets: what keys that are named like secrets hold is left out."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any

#: What stands in the place of a secret.
HIDDEN = "••••••"
#: Characters from which on a secret is looked for in texts: shorter ones are in any text.
_TELLING = 4


class NothingHidden(ValueError):
    """HIDDEN stands where nothing was hidden, so that nobody knows what is meant."""

    def __init__(self) -> None:
        super().__init__(f"{HIDDEN} stands where nothing was hidden: enter the value.")


def is_secret(name: str, patterns: Collection[str]) -> bool:
    """Return whether a key or a parameter is named like a secret; the case does not matter."""
    return _matches(name, tuple(patterns))


# A result may be a list of a hundred thousand objects, all with the same few keys.
@lru_cache(maxsize=4_096)
def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    # A $ before a name is a mark of how it is stored, or says nothing about what it means.
    lower = name.lower().lstrip("$")
    return any(fnmatchcase(lower, pattern.lower()) for pattern in patterns)


def redact(value: Any, patterns: Collection[str]) -> Any:
    """Return a value of JSON with HIDDEN for what stands under a secret's name, however deep."""
    # Loops: in a comprehension or a function of its own each level would take two or three of
    # Python's thousand frames, and what can be stored is nested hundreds deep.
    if isinstance(value, Mapping):
        shown = {}
        for key, inner in value.items():
            if is_secret(str(key), patterns):
                shown[key] = HIDDEN
            elif key == "$json" and isinstance(inner, str):
                shown[key] = _redact_text(inner, patterns)
            else:
                shown[key] = redact(inner, patterns)
        return shown
    if isinstance(value, list | tuple):
        members = []
        for inner in value:
            members.append(redact(inner, patterns))
        return members
    return value


def _redact_text(text: str, patterns: Collection[str]) -> str:
    """Return what a trigger has put in as text, without secrets."""
    try:
        return json.dumps(redact(json.loads(text), patterns))
    except ValueError:
        return text


def redact_args(
    args: Any, names: Sequence[str] | None, rest: str, patterns: Collection[str]
) -> Any:
    """Return positional arguments with HIDDEN for those of parameters named like secrets.

    ``rest`` names those beyond ``names``. Without names nobody knows which are secret: all are
    hidden.
    """
    if not isinstance(args, list | tuple):
        return redact(args, patterns)
    if names is None:
        return [HIDDEN for _ in args]
    named = [*names, *[rest] * (len(args) - len(names))]
    return [
        HIDDEN if is_secret(name, patterns) else redact(value, patterns)
        for name, value in zip(named, args, strict=False)
    ]


def restore(given: Any, shown: Any, stored: Any) -> Any:
    """Return what somebody has made of ``shown``, with what it hides put in from ``stored``.

    A secret comes back at its own place only, under its own name: nobody can move it to where it is
    shown. Raise NothingHidden where HIDDEN stands anywhere else.
    """
    if given == HIDDEN:
        if shown == HIDDEN:
            return stored
        raise NothingHidden
    if isinstance(given, dict):
        if not isinstance(shown, dict) or not isinstance(stored, dict):
            shown = stored = {}
        elif (texts := _json_texts(given, shown, stored)) is not None:
            return {"$json": json.dumps(restore(*texts))}
        # In loops, as redact().
        whole = {}
        for key, inner in given.items():
            whole[key] = restore(inner, shown.get(key), stored.get(key))
        return whole
    if isinstance(given, list):
        known = list(zip(shown, stored, strict=False)) if _lists(shown, stored) else []
        known += [(None, None)] * (len(given) - len(known))
        members = []
        for inner, pair in zip(given, known, strict=False):
            members.append(restore(inner, *pair))
        return members
    return given


def secrets_in(shown: Any, stored: Any) -> set[str]:
    """Return, as text, what ``shown`` hides of ``stored`` and is long enough to be known again."""
    found = {text for value in _hidden(shown, stored) for text in _texts(value)}
    return {text for text in found if len(text) >= _TELLING}


def without(text: str, secrets: Collection[str]) -> str:
    """Return a text with HIDDEN for the secrets that it repeats."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return text


def _json_texts(*values: dict[str, Any]) -> list[Any] | None:
    """Return what the texts say where all of the values are JSON as text; else None."""
    try:
        return [json.loads(value["$json"]) for value in values]
    except (KeyError, TypeError, ValueError):
        return None


def _lists(*values: Any) -> bool:
    return all(isinstance(value, list | tuple) for value in values)


def _hidden(shown: Any, stored: Any) -> Iterator[Any]:
    if shown == HIDDEN:
        yield stored
    elif isinstance(shown, dict) and isinstance(stored, dict):
        if (texts := _json_texts(shown, stored)) is not None:
            yield from _hidden(*texts)
            return
        for key, inner in shown.items():
            yield from _hidden(inner, stored.get(key))
    elif _lists(shown, stored):
        for inner, value in zip(shown, stored, strict=False):
            yield from _hidden(inner, value)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner)
    elif isinstance(value, str):
        # As it is, and as a traceback shows it.
        yield from {value, repr(value)[1:-1]}
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield str(value)
