"""A job that has ended, as those who wait for it are told."""

from __future__ import annotations

from typing import Any, NamedTuple


class Ended(NamedTuple):
    """A job that has ended and whose end somebody waits for."""

    id: int
    name: str
    state: str
    worker_id: int | None
    #: Its last error; None where it never failed.
    error: dict[str, Any] | None
    #: The step of a workflow that it is part of.
    step_id: int | None
