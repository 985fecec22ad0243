"""manage.py jobs show."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from textwrap import indent
from typing import Any

from django_jobs import wording
from django_jobs.lifesigns import progress_text
from django_jobs.models import Job
from django_jobs.terminal.base import OfOneJob, not_found

#: Fields that are told below the others, in their own words.
_LONG = ("errors", "log")
_MARGIN = "    "


class Show(OfOneJob):
    """Shows everything that the row of a job holds."""

    name = "show"
    help = "Show all fields of a job, with its errors, its log and its progress."

    def run(self, given: Mapping[str, Any]) -> int:
        """Show."""
        row = Job.objects.using(self.using).filter(pk=given["id"]).values().first()
        if row is None:
            raise not_found(f"There is no job #{given['id']}: it was pruned, or it never was.")
        self.output.say("\n".join(_lines(row)), row)
        return 0


def _lines(row: Mapping[str, Any]) -> Iterator[str]:
    width = max(map(len, row)) + 1
    for name, value in row.items():
        if name not in _LONG and value is not None:
            yield f"{f'{name}:':<{width}} {_told(name, value)}"
    for error in reversed(row["errors"] or ()):
        yield f"\nAttempt {error.get('attempt')}: {error.get('exception')}: {error.get('message')}"
        began, ended = error.get("started_at"), error.get("ended_at")
        yield f"{_MARGIN}{began} to {ended}, {error.get('worker')}"
        yield indent(str(error.get("traceback") or ""), _MARGIN).rstrip()
    if row["log"]:
        yield "\nLog:"
        for line in row["log"]:
            attempt, at = line.get("attempt"), line.get("at")
            yield f"{_MARGIN}{at} attempt {attempt}: {line.get('message')}"


def _told(name: str, value: Any) -> str:
    match value:
        case datetime():
            return wording.moment(value)
        case timedelta():
            return wording.span(value)
        case dict() if name == "progress":
            return progress_text(value)
        case dict() | list():
            return json.dumps(value, ensure_ascii=False)
        case _:
            return str(value)
