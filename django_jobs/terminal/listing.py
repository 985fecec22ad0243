"""manage.py jobs list."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from django_jobs import finding
from django_jobs.states import State
from django_jobs.terminal import filters, moments
from django_jobs.terminal.base import NOTHING, Subcommand, job_id
from django_jobs.terminal.tables import ago, columns, told

#: What programs get of each job: the row without what is long.
_FIELDS = (
    "id", "state", "queue", "name", "args", "kwargs", "priority", "attempts", "max_attempts",
    "scheduled_at", "enqueued_at", "started_at", "finished_at", "unique_key", "concurrency_key",
    "fingerprint", "schedule_id", "parent_id", "step_id", "worker_id", "note",
)  # fmt: skip


class List(Subcommand):
    """Lists jobs, newest first."""

    name = "list"
    help = "List jobs, the newest first, a page at a time."

    @classmethod
    def add_arguments(cls, parser: argparse.ArgumentParser) -> None:
        """Declare filters, the page and the common flags."""
        filters.add_arguments(parser, State.values, "all")
        parser.add_argument(
            "--limit",
            type=moments.count,
            default=20,
            metavar="N",
            help="List so many, 10,000 at most. Default: 20.",
        )
        parser.add_argument(
            "--after", type=job_id, metavar="ID", help="Go on after this job: list older ones."
        )
        super().add_arguments(parser)

    def run(self, given: Mapping[str, Any]) -> int:
        """List a page, and say how to get the next one."""
        asked = filters.criteria(given, using=self.using)
        rows, are_more = finding.page(
            asked, limit=given["limit"], after=given["after"], using=self.using
        )
        following = rows[-1]["id"] if are_more else None
        jobs = [{name: row[name] for name in _FIELDS} for row in rows]
        self.output.say(_table(rows, following), {"jobs": jobs, "next": following})
        return 0 if rows else NOTHING


def _table(rows: list[dict[str, Any]], following: int | None) -> str:
    if not rows:
        return "No job was found."
    cells = [
        (
            str(row["id"]),
            row["state"],
            row["queue"],
            row["name"],
            f"{row['attempts']}/{row['max_attempts']}",
            ago(row["enqueued_at"]),
            ago(row["finished_at"] or (row["scheduled_at"] if _waits(row) else None)),
            told(row["unique_key"]),
        )
        for row in rows
    ]
    heading = ("ID", "STATE", "QUEUE", "FUNCTION", "RUNS", "ENQUEUED", "ENDED OR DUE", "KEY")
    text = columns(heading, cells, right="0")
    return text if following is None else f"{text}\nThere are more: add --after {following}."


def _waits(row: Mapping[str, Any]) -> bool:
    return bool(row["state"] == State.SCHEDULED)
