"""Which jobs a subcommand changes: by their ids, or by filters and a yes."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from django_jobs import finding, wording
from django_jobs.terminal import filters
from django_jobs.terminal.base import job_id, not_found, refusal


def add_arguments(parser: argparse.ArgumentParser, states: Collection[str], usual: str) -> None:
    """Declare ids and filters. ``states`` may be asked for; ``usual`` says which are if none is."""
    parser.add_argument("ids", nargs="*", type=job_id, metavar="ID", help="The jobs, by their ids.")
    filters.add_arguments(parser, states, usual)
    add_yes(parser, "Do it to all that the filters find, without asking.")


def add_yes(parser: argparse.ArgumentParser, text: str) -> None:
    """Declare the flag that answers the question beforehand."""
    parser.add_argument("--yes", action="store_true", help=text)


def select(
    given: Mapping[str, Any], states: Collection[str], *, verb: str, using: str
) -> list[int]:
    """Return the ids of the jobs that are meant, or raise CommandError.

    Ids must exist, all of them. What filters find, in one of ``states`` unless one is given, must
    be confirmed.
    """
    asked = filters.criteria(given, using=using)
    if given["ids"] and asked:
        raise refusal("Give ids, or filters, and not both.")
    if given["ids"]:
        return _existing(given["ids"], using)
    if not asked:
        raise refusal(
            f"Say which jobs to {verb}: by their ids, or by --queue, --name, --state or another "
            f"filter."
        )
    if not asked.states:
        asked = replace(asked, states=tuple(sorted(states)))
    ids = finding.ids(asked, using=using)
    if ids and not given["yes"]:
        confirm(verb, wording.counted(len(ids), "job"))
    return ids


def _existing(given: Collection[int], using: str) -> list[int]:
    ids = sorted(set(given))
    known = finding.known(ids, using=using)
    if unknown := [key for key in ids if key not in known]:
        raise not_found(
            f"There is no job {wording.ids(unknown)}: pruned, or never made. Nothing was changed."
        )
    return ids


def confirm(verb: str, what: str) -> None:
    """Ask whether so much is meant, such as ``3 jobs``; raise CommandError unless it is."""
    if not sys.stdin.isatty():
        raise refusal(f"This would {verb} {what}: add --yes if that is what you want.")
    try:
        answer = input(f"{verb.capitalize()} {what}? [y/N] ")
    except (EOFError, KeyboardInterrupt):
        answer = ""
    if answer.strip().lower() not in ("y", "yes"):
        raise not_found("Nothing was changed.")
