"""manage.py jobs reset."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from django_jobs import catalogue, engine, finding, surroundings, wording
from django_jobs.conf import options
from django_jobs.terminal import selection
from django_jobs.terminal.base import Subcommand, refusal


class Reset(Subcommand):
    """Deletes all jobs."""

    name = "reset"
    help = "Delete all jobs, whatever their state, and write the table of tasks anew."

    @classmethod
    def add_arguments(cls, parser: argparse.ArgumentParser) -> None:
        """Declare how to do it without being asked."""
        parser.add_argument(
            "--noinput",
            "--no-input",
            "--yes",
            action="store_true",
            dest="yes",
            help="Do it without asking.",
        )
        parser.add_argument(
            "--force", action="store_true", help="Do it although workers are alive."
        )
        super().add_arguments(parser)

    def run(self, given: Mapping[str, Any]) -> int:
        """Delete, unless somebody works on it or says no."""
        timeout = options().heartbeat_timeout
        alive = surroundings.live_workers(timeout=timeout, using=self.using)
        if alive and not given["force"]:
            raise refusal(
                f"{wording.counted(len(alive), 'worker')} alive: stop them first, or add --force. "
                f"What they run would go on, and its end would be recorded nowhere."
            )
        if not given["yes"]:
            count = finding.total(using=self.using)
            selection.confirm("delete", wording.capped(count, finding.MOST, "job"))
        deleted = engine.reset(using=self.using)
        catalogue.sync(using=self.using, authoritative=True)
        self.output.say(f"{deleted:,} jobs were deleted.", {"deleted": deleted})
        return 0
