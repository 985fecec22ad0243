"""Arguments and results of tasks: JSON by Django's rules, and nothing that JSON would change."""

from __future__ import annotations

import json
from typing import Any

from django_jobs.backend.framework import normalize_json

_PLAIN = frozenset({str, int, float, bool, type(None)})


def normalized(value: Any) -> Any:
    """Return a value as it comes back from being stored; raise TypeError for what is not JSON.

    What Django lets pass, and JSON makes something else of, is made that here: keys become text, a
    member of an Enum of texts its value.
    """
    if type(value) in _PLAIN:
        return value
    return json.loads(json.dumps(normalize_json(value)))
