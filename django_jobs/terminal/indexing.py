"""manage.py jobs index-arguments."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from django_jobs import argumentindex
from django_jobs.terminal.base import Subcommand


class IndexArguments(Subcommand):
    """Makes the index that the admin finds jobs by their arguments with."""

    name = "index-arguments"
    help = "Make the index by which the admin finds jobs by their arguments, or drop it."

    @classmethod
    def add_arguments(cls, parser: argparse.ArgumentParser) -> None:
        """Declare how to get rid of it."""
        parser.add_argument("--drop", action="store_true", help="Drop it.")
        super().add_arguments(parser)

    def run(self, given: Mapping[str, Any]) -> int:
        """Make it or drop it, while everybody goes on."""
        was_there = argumentindex.exists(self.using)
        if given["drop"]:
            argumentindex.drop(self.using)
            text = "The index was dropped." if was_there else "There was no index."
        elif was_there:
            text = "There is an index already."
        else:
            argumentindex.create(self.using)
            text = "The index was made."
        self.output.say(text, {"indexed": argumentindex.exists(self.using)})
        return 0
