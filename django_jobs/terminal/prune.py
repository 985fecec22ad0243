"""manage.py jobs prune."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from django_jobs import engine, wording
from django_jobs.states import FINISHED, State
from django_jobs.terminal import moments, selection
from django_jobs.terminal.base import NOTHING, Subcommand, refusal


class Prune(Subcommand):
    """Deletes finished jobs."""

    name = "prune"
    help = "Delete finished jobs: those past their retention, or older ones than you say."

    @classmethod
    def add_arguments(cls, parser: argparse.ArgumentParser) -> None:
        """Declare which, and the common flags."""
        parser.add_argument(
            "--older-than",
            type=moments.duration,
            metavar="DURATION",
            help="Jobs that ended longer ago, such as 30d, however long they were to be kept. "
            "Default: jobs past their retention, as workers delete them.",
        )
        parser.add_argument(
            "--state",
            action="append",
            choices=sorted(FINISHED),
            default=[],
            help="With --older-than, in this state. May be given several times. Default: all that "
            "have ended.",
        )
        parser.add_argument("--dry-run", action="store_true", help="Say how many, delete none.")
        selection.add_yes(parser, "Do it without asking.")
        super().add_arguments(parser)

    def run(self, given: Mapping[str, Any]) -> int:
        """Delete, or say what would be deleted."""
        if given["state"] and given["older_than"] is None:
            raise refusal("--state is for --older-than: say how old the jobs have to be.")
        age = None if given["older_than"] is None else given["older_than"].total_seconds()
        states = frozenset(State(name) for name in given["state"]) or FINISHED
        if given["dry_run"] or not given["yes"]:
            count = engine.prunable(age=age, states=states, using=self.using)
            what = wording.capped(count, engine.PRUNABLE, "job")
            if given["dry_run"]:
                is_capped = count >= engine.PRUNABLE
                told = {"would_prune": count, "capped": is_capped}
                self.output.say(f"{what} would be deleted.", told)
                return 0 if count else NOTHING
            if count:
                selection.confirm("delete", what)
        if age is None:
            pruned = engine.prune(using=self.using)
        else:
            pruned = engine.prune_older(age, states=states, using=self.using)
        self.output.say(f"{pruned:,} deleted.", {"pruned": pruned})
        return 0 if pruned else NOTHING
