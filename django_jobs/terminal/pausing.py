"""manage.py jobs pause and jobs resume."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from django_jobs import api, engine, wording
from django_jobs.exceptions import did_you_mean
from django_jobs.options import check_name
from django_jobs.terminal import moments
from django_jobs.terminal.base import NOTHING, Subcommand, not_found, refusal


class Pause(Subcommand):
    """Lets no more jobs of queues start."""

    name = "pause"
    help = "Let no more jobs of queues start. Those that run go on."

    @classmethod
    def add_arguments(cls, parser: argparse.ArgumentParser) -> None:
        """Declare the queues, the end and the common flags."""
        parser.add_argument("queues", nargs="+", metavar="QUEUE", help="The queues, by name.")
        end = parser.add_mutually_exclusive_group()
        end.add_argument(
            "--until", type=moments.moment, metavar="TIME", help="Resume by itself at this time."
        )
        end.add_argument(
            "--for",
            dest="duration",
            type=moments.duration,
            metavar="DURATION",
            help="Resume by itself after so long, such as 30m.",
        )
        super().add_arguments(parser)

    def run(self, given: Mapping[str, Any]) -> int:
        """Pause, and say until when."""
        end: datetime | timedelta | None = given["until"] or given["duration"]
        if isinstance(end, datetime) and end <= timezone.now():
            raise refusal(f"--until must be a time to come, and {wording.moment(end)} is past.")
        names = list(dict.fromkeys(given["queues"]))
        for name in names:
            check_name(name, "QUEUE")
        for name in names:
            api.pause_queue(name, resume_at=end, using=self.using)
        rows = {row.name: row for row in engine.queue_rows(using=self.using)}
        until = [
            f"{name!r} is paused "
            + (f"until {wording.moment(at)}." if (at := rows[name].resume_at) else
               "until somebody resumes it.")
            for name in names
        ]  # fmt: skip
        told = [
            {"name": name, "paused_at": rows[name].paused_at, "resume_at": rows[name].resume_at}
            for name in names
        ]
        self.output.say("\n".join(f"The queue {line}" for line in until), {"queues": told})
        return 0


class Resume(Subcommand):
    """Lets the jobs of queues start again."""

    name = "resume"
    help = "Let the jobs of queues start again."

    @classmethod
    def add_arguments(cls, parser: argparse.ArgumentParser) -> None:
        """Declare the queues and the common flags."""
        parser.add_argument("queues", nargs="+", metavar="QUEUE", help="The queues, by name.")
        super().add_arguments(parser)

    def run(self, given: Mapping[str, Any]) -> int:
        """Resume, and say which were paused."""
        known = [row.name for row in engine.queue_rows(using=self.using)]
        for name in given["queues"]:
            if name not in known:
                raise not_found(f"There is no queue {name!r}.{did_you_mean(name, known)}")
        resumed: list[str] = []
        left: list[str] = []
        for name in dict.fromkeys(given["queues"]):
            (resumed if api.resume_queue(name, using=self.using) else left).append(name)
        parts = [f"The queue {name!r} goes on." for name in resumed]
        parts += [f"The queue {name!r} was not paused." for name in left]
        self.output.say("\n".join(parts), {"resumed": resumed, "not_paused": left})
        return 0 if resumed else NOTHING
