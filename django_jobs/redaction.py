"""Values without their secrets: what keys that are named like secrets hold is left out."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from fnmatch import fnmatchcase
from typing import Any

#: What stands in the place of a secret.
HIDDEN = "••••••"


def is_secret(name: str, patterns: Collection[str]) -> bool:
    """Return whether a key or a parameter is named like a secret; the case does not matter."""
    lower = name.lower()
    return any(fnmatchcase(lower, pattern.lower()) for pattern in patterns)


def redact(value: Any, patterns: Collection[str]) -> Any:
    """Return a value of JSON with HIDDEN for what stands under a secret's name, however deep."""
    if isinstance(value, Mapping):
        return {
            key: HIDDEN if is_secret(str(key), patterns) else redact(inner, patterns)
            for key, inner in value.items()
        }
    if isinstance(value, list | tuple):
        return [redact(inner, patterns) for inner in value]
    return value
