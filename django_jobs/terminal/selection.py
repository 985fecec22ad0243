"""Which jobs a subcommand is about: by their ids, or by filters and a yes."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Collection, Mapping
from typing import Any

from django.core.management.base import CommandError

from django_jobs import wording
from django_jobs.models import Job
from django_jobs.terminal.base import job_id

_FILTERS = ("queue", "name", "state")


def add_arguments(parser: argparse.ArgumentParser, states: Collection[str], usual: str) -> None:
    """Declare ids and filters. ``states`` may be asked for; ``usual`` says which are if none is."""
    parser.add_argument("ids", nargs="*", type=job_id, metavar="ID", help="The jobs, by their ids.")
    parser.add_argument("--queue", metavar="NAME", help="All on this queue.")
    parser.add_argument("--name", metavar="FUNCTION", help="All of this function.")
    parser.add_argument(
        "--state", choices=sorted(states), help=f"All in this state. Default: {usual}."
    )
    parser.add_argument(
        "--yes", action="store_true", help="Do it to all that the filters find, without asking."
    )


def select(
    given: Mapping[str, Any], states: Collection[str], *, verb: str, using: str
) -> list[int]:
    """Return the ids of the jobs that are meant, or raise CommandError.

    Ids must exist, all of them. What filters find, in one of ``states`` unless one is given, must
    be confirmed.
    """
    filters = {name: given[name] for name in _FILTERS if given[name] is not None}
    if given["ids"] and filters:
        raise CommandError("Give ids, or filters, and not both.")
    if given["ids"]:
        return _existing(given["ids"], using)
    if not filters:
        raise CommandError(
            f"Say which jobs to {verb}: by their ids, or by --queue, --name or --state."
        )
    found = Job.objects.using(using).filter(**filters)
    if "state" not in filters:
        found = found.filter(state__in=sorted(states))
    ids = sorted(found.values_list("pk", flat=True))
    if ids and not given["yes"]:
        confirm(verb, len(ids))
    return ids


def _existing(given: Collection[int], using: str) -> list[int]:
    ids = sorted(set(given))
    known = set(Job.objects.using(using).filter(pk__in=ids).values_list("pk", flat=True))
    if unknown := [key for key in ids if key not in known]:
        raise CommandError(
            f"There is no job {wording.ids(unknown)}: pruned, or never made. Nothing was changed."
        )
    return ids


def confirm(verb: str, count: int) -> None:
    """Ask whether so many jobs are meant; raise CommandError unless they are."""
    jobs = wording.counted(count, "job")
    if not sys.stdin.isatty():
        raise CommandError(f"This would {verb} {jobs}: add --yes if that is what you want.")
    try:
        answer = input(f"{verb.capitalize()} {jobs}? [y/N] ")
    except (EOFError, KeyboardInterrupt):
        answer = ""
    if answer.strip().lower() not in ("y", "yes"):
        raise CommandError("Nothing was changed.")
