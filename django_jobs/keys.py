"""Concurrency keys: what jobs of one function share their limits by."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from django_jobs import encoding
from django_jobs.definitions import Definition
from django_jobs.options import UniqueKey, check_name
from django_jobs.registry import resolve

logger = logging.getLogger("django_jobs")


def key_for(
    key: UniqueKey,
    option: str,
    definition: Definition,
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
) -> str:
    """Return the key of a call: text as it is, or what a function makes of the arguments."""
    if not callable(key):
        return key
    if definition.has_members:  # it gets them as the function does
        args, kwargs = definition.revive(args, kwargs)
    positional, named = definition.by_name(args, kwargs)
    return check_name(key(*positional, **named), option)


def key_of_row(name: str, args: str, kwargs: str) -> str:
    """Return the concurrency key of a row that was inserted without one; empty where none can be
    worked out: the job then fails, or not, when it is run.
    """
    try:
        definition = resolve(name)
        decoded = tuple(encoding.decode(args)), encoding.decode(kwargs)
        return key_for(definition.concurrency_key or "", "concurrency_key", definition, *decoded)
    except Exception as error:
        logger.warning("job.without_key name=%s error=%s", name, error)
        return ""
