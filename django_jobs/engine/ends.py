"""Ends that somebody waits for."""

from __future__ import annotations

import json
from typing import Any, NamedTuple, Self


class Ended(NamedTuple):
    """A job that has ended and whose end somebody waits for."""

    id: int
    name: str
    state: str
    worker_id: int | None
    #: The step of a workflow that it is part of.
    step_id: int | None
    #: Its last error; None where it never failed.
    error: dict[str, Any] | None

    @classmethod
    def of(cls, row: tuple[Any, ...]) -> Self:
        """Return the end that a row tells of; the driver leaves JSON as text."""
        *columns, error = row
        return cls._make([*columns, None if error is None else json.loads(error)])
