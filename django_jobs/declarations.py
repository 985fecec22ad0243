"""What is said about a job function, as JSON: for the catalogue of them in the database."""

from __future__ import annotations

import hashlib
import json
from enum import Enum
from typing import Any

from django.utils.translation import override

from django_jobs import encoding
from django_jobs.definitions import Definition
from django_jobs.exceptions import JobsError
from django_jobs.options import UniqueKey
from django_jobs.parameters import Parameter


def declaration(definition: Definition) -> dict[str, Any]:
    """Return all that SQL and forms need to know of a job function, with a hash of it."""
    told: dict[str, Any] = {
        "name": definition.name,
        "type_key": definition.type_key,
        "task_key": definition.task_key,
        "help": definition.help,
        "parameters": [_parameter(one) for one in definition.parameters],
        "takes_any": definition.takes_any,
        "defaults": _defaults(definition),
        "queue": definition.queue,
        "priority": definition.priority,
        "max_attempts": definition.max_attempts,
        "timeout": definition.timeout,
        "memory_limit": definition.memory_limit,
        "units": definition.units,
        # Where only Python can work out the key, the claim puts the row in its lane.
        "lane": "" if callable(definition.concurrency_key) else definition.lane,
        "concurrency_key": _text(definition.concurrency_key),
        "expires_after": definition.expires_after,
        "unique_key": _text(definition.unique_key),
        "computes_unique_key": callable(definition.unique_key),
    }
    text = json.dumps(told, sort_keys=True, ensure_ascii=True)
    return {**told, "hash": hashlib.sha256(text.encode()).hexdigest()[:32]}


def _text(key: UniqueKey | None) -> str | None:
    return key if isinstance(key, str) else None


def _parameter(one: Parameter) -> dict[str, Any]:
    told: dict[str, Any] = {
        "name": one.name,
        "type": one.type,
        "required": one.required,
        "help": one.help,
    }
    if one.positional_only:
        told["positional_only"] = True
    if not one.required and (default := _encoded(one.default)) is not None:
        told["default"] = default[0]
    if one.choices is not None:
        told["choices"] = [json.loads(encoding.encode(value)) for value in one.choices.values]
        # Untranslated, or processes with different languages would overwrite each other's.
        with override(None):
            told["labels"] = [one.choices.label(value) for value in one.choices.values]
        told["write_all"] = one.choices.may_be_all
    return told


def _encoded(value: Any) -> tuple[Any] | None:
    """Return a value as it is stored, in a tuple; None where it cannot be."""
    try:
        text = encoding.encode(value.value if isinstance(value, Enum) else value)
    except JobsError:
        return None
    return (json.loads(text),)


def _defaults(definition: Definition) -> dict[str, Any]:
    """Return the arguments that the declaration gives; what cannot be stored fails elsewhere."""
    stored = ((name, _encoded(value)) for name, value in definition.kwargs.items())
    return {name: value[0] for name, value in stored if value is not None}
