"""What is typed into the search field of the list of jobs."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from django_jobs.finding import Criteria
from django_jobs.redaction import is_secret

#: The largest id.
HIGHEST = 2**63 - 1

_ASSIGNED = re.compile(r"([A-Za-z_]\w*)=(.*)", re.DOTALL)


def is_id(text: str) -> bool:
    """Return whether a text is the id that a job may have."""
    return text.isascii() and text.isdecimal() and int(text[:20]) <= HIGHEST


def criteria(text: str, *, by_arguments: bool, secrets: Collection[str]) -> Criteria:
    """Return what a text asks for; raise ValidationError for what makes no sense.

    An id; where ``by_arguments`` allows, arguments such as ``order=17``, or JSON; the beginning of
    a name, or a whole key. What is named like one of the ``secrets`` is not looked for.
    """
    text = text.strip()
    if is_id(text):
        return Criteria(id=int(text))
    if by_arguments and (arguments := _arguments(text)) is not None:
        if any(is_secret(name, secrets) for name in _names(arguments)):
            raise ValidationError(_("What is named like a secret is not looked for."))
        return Criteria(arguments=arguments)
    return Criteria(word=text) if text else Criteria()


def _arguments(text: str) -> Mapping[str, Any] | None:
    if text.startswith("{"):
        try:
            found = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ValidationError(_("It is no JSON: %(error)s.") % {"error": error}) from error
        return found if isinstance(found, dict) and found else None
    if (assigned := _ASSIGNED.fullmatch(text)) is None:
        return None
    name, value = assigned.groups()
    return {name: _value(value.strip())}


def _value(text: str) -> Any:
    """Return a value as JSON tells it; what is none, as text."""
    try:
        value = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return text
    return value


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def _names(value: Any) -> list[str]:
    if isinstance(value, Mapping):
        return [*map(str, value), *(name for one in value.values() for name in _names(one))]
    if isinstance(value, list):
        return [name for one in value for name in _names(one)]
    return []
