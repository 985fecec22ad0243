"""What all subcommands share."""

from __future__ import annotations

import argparse
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from django.core.management.base import CommandError

from django_jobs.terminal.output import FORMATS, Output

#: Exit codes beside 0. Nothing was found, or there was nothing to change, or a check has failed.
NOTHING = 1
#: What was asked for makes no sense, or was not allowed: nothing was done.
BAD_USE = 2
#: The database cannot be used.
NO_DATABASE = 3

#: What PostgreSQL's bigint holds.
_LARGEST_ID = 2**63 - 1


class Subcommand(ABC):
    """One thing to do to jobs; made for one call."""

    #: The word on the command line, and the sentence that --help has for it.
    name: ClassVar[str]
    help: ClassVar[str]

    def __init__(self, output: Output, using: str) -> None:
        self.output, self.using = output, using

    @classmethod
    def add_arguments(cls, parser: argparse.ArgumentParser) -> None:
        """Declare the flags that all subcommands take."""
        parser.add_argument(
            "--format",
            choices=FORMATS,
            default="text",
            help="Text for people, JSON for programs. Default: text.",
        )
        parser.add_argument("--database", metavar="ALIAS", help="The database that holds the jobs.")

    @abstractmethod
    def run(self, given: Mapping[str, Any]) -> int:
        """Do it, and return the exit code; raise CommandError where it cannot be done."""


class OfOneJob(Subcommand):
    """One thing to do to one job, which is told by its id."""

    @classmethod
    def add_arguments(cls, parser: argparse.ArgumentParser) -> None:
        """Declare the id and the common flags."""
        parser.add_argument("id", type=job_id, metavar="ID", help="The job, by its id.")
        super().add_arguments(parser)


def refusal(text: str) -> CommandError:
    """Return the error of a command that makes no sense, or must not be obeyed."""
    return CommandError(text, returncode=BAD_USE)


def not_found(text: str) -> CommandError:
    """Return the error of a command about something that is not there."""
    return CommandError(text, returncode=NOTHING)


def job_id(text: str) -> int:
    """Return the id of a job that stands on the command line, with or without its #."""
    digits = text.removeprefix("#")
    if not (digits.isascii() and digits.isdecimal() and 0 < int(digits[:20]) <= _LARGEST_ID):
        raise argparse.ArgumentTypeError(f"{text!r} is not the id of a job")
    return int(digits)
