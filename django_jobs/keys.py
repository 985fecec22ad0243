"""Concurrency keys: what jobs of one function share their limits by."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import DatabaseError, transaction

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


def keys_of_rows(rows: Sequence[tuple[str, str, str]], *, using: str) -> list[str]:
    """Return the concurrency keys of rows that were inserted without one; empty where none can be
    worked out: the job then fails, or not, when it is run.

    Of each row the name and the arguments, as JSON text. To be called in a transaction.
    """
    try:
        # A key function may ask the database, whose error would end the whole transaction.
        with transaction.atomic(using=using):
            return [_key_of_row(*row) for row in rows]
    except DatabaseError as error:
        if len(rows) > 1:  # whose it was is found out one by one
            return [key for row in rows for key in keys_of_rows([row], using=using)]
        return [_without_key(rows[0][0], error)]


def _key_of_row(name: str, args: str, kwargs: str) -> str:
    try:
        definition = resolve(name)
        key = definition.concurrency_key or ""
        if not callable(key):
            return key
        decoded = tuple(encoding.decode(args)), encoding.decode(kwargs)
        return key_for(key, "concurrency_key", definition, *decoded)
    except DatabaseError:
        raise
    except Exception as error:
        return _without_key(name, error)


def _without_key(name: str, error: Exception) -> str:
    logger.warning("job.without_key name=%s error=%s", name, error)
    return ""
