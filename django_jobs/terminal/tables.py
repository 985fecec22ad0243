"""Rows of text in columns."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from django_jobs import wording


def columns(heading: Sequence[str], rows: Sequence[Sequence[str]], right: str = "") -> str:
    """Return rows below their heading; the columns in ``right``, by number, are of numbers."""
    table = [list(heading), *map(list, rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    numbers = {int(place) for place in right}
    lines = []
    for row in table:
        cells = (
            f"{cell:>{width}}" if place in numbers else f"{cell:<{width}}"
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def ago(at: datetime | None) -> str:
    """Return how long ago a time was, or how far away it is; a dash for none."""
    if at is None:
        return "-"
    now = timezone.now() if timezone.is_aware(at) else datetime.now()  # noqa: DTZ005
    passed: timedelta = now - at
    if passed < timedelta():
        return f"in {wording.span(-passed)}"
    return f"{wording.span(passed)} ago"


def told(value: Any) -> str:
    """Return a value in one cell; a dash for nothing."""
    return "-" if value in (None, "") else str(value)
