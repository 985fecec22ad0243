"""manage.py jobs failures."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from django_jobs import failures, wording
from django_jobs.terminal import moments
from django_jobs.terminal.base import NOTHING, Subcommand
from django_jobs.terminal.tables import ago


class Failures(Subcommand):
    """Lists failed jobs by what they failed of."""

    name = "failures"
    help = "List what jobs have failed of: a group for each fingerprint, the largest first."

    @classmethod
    def add_arguments(cls, parser: argparse.ArgumentParser) -> None:
        """Declare the filters and the common flags."""
        parser.add_argument("--queue", metavar="NAME", help="On this queue.")
        parser.add_argument("--name", metavar="FUNCTION", help="Of this job function.")
        parser.add_argument(
            "--limit", type=moments.count, default=20, metavar="N", help="Groups. Default: 20."
        )
        super().add_arguments(parser)

    def run(self, given: Mapping[str, Any]) -> int:
        """List the groups."""
        found = failures.failures(
            queue=given["queue"], name=given["name"], limit=given["limit"], using=self.using
        )
        text = "\n\n".join(map(_told, found.groups)) or "No job has failed."
        if found.is_capped:
            text += f"\n\nOnly the newest {found.looked_at:,} failed jobs were looked at."
        told = [group._asdict() for group in found.groups]
        self.output.say(text, {"groups": told, "looked_at": found.looked_at})
        return 0 if found.groups else NOTHING


def _told(group: failures.Group) -> str:
    print_ = group.fingerprint or "without a fingerprint"
    error = f"{group.exception}: {group.message}" if group.exception else "no error was kept"
    return (
        f"{print_}: {wording.counted(group.size, 'job')} of {wording.listed(group.names)}, the "
        f"last one {ago(group.last)}\n"
        f"    {error}\n"
        f"    {wording.ids(group.ids)}"
    )
