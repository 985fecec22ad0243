"""Which jobs are meant, told by what people know of them: flags that several subcommands have."""

from __future__ import annotations

import argparse
from collections.abc import Collection, Mapping
from typing import Any

from django_jobs import finding
from django_jobs.finding import Criteria
from django_jobs.terminal import moments
from django_jobs.terminal.base import not_found

#: Flags, by the field of the criteria that each is about, with what they take and mean.
_FLAGS = {
    "queue": ("--queue", "NAME", "On this queue."),
    "name": ("--name", "FUNCTION", "Of this job function, by its full name."),
    "schedule": ("--schedule", "NAME", "Made by this schedule."),
    "unique_key": ("--unique-key", "KEY", "With this unique key."),
    "concurrency_key": ("--concurrency-key", "KEY", "With this concurrency key."),
    "fingerprint": ("--fingerprint", "TEXT", "Of this group of failures, as jobs failures tells."),
}


def add_arguments(parser: argparse.ArgumentParser, states: Collection[str], usual: str) -> None:
    """Declare the filters. ``states`` may be asked for; ``usual`` says which are if none is."""
    parser.add_argument(
        "--state",
        action="append",
        choices=sorted(states),
        default=[],
        help=f"In this state. May be given several times. Default: {usual}.",
    )
    for field, (flag, metavar, text) in _FLAGS.items():
        aliases = ["--key"] if field == "unique_key" else []
        parser.add_argument(flag, *aliases, dest=field, metavar=metavar, help=text)
    parser.add_argument(
        "--since",
        type=moments.past,
        metavar="TIME",
        help="Enqueued at this time or later: 2026-11-22T08:00, or 2h for two hours ago.",
    )
    parser.add_argument(
        "--until", type=moments.past, metavar="TIME", help="Enqueued before this time."
    )


def criteria(given: Mapping[str, Any], *, using: str) -> Criteria:
    """Return what was asked for; raise CommandError for a schedule that is not there."""
    fields = {name: given[name] for name in (*_FLAGS, "since", "until")}
    name = fields["schedule"]
    if name is not None and not finding.has_schedule(name, using=using):
        raise not_found(f"There is no schedule {name!r}: see jobs schedules.")
    return Criteria(states=tuple(dict.fromkeys(given["state"])), **fields)
