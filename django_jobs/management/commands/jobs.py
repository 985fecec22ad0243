"""manage.py jobs: look at jobs, and steer them."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import (
    BaseCommand,
    CommandError,
    CommandParser,
    no_translations,
)
from django.db import connections
from django.db.utils import OperationalError, ProgrammingError

from django_jobs.engine.sql import write_alias
from django_jobs.exceptions import JobsError
from django_jobs.terminal import SUBCOMMANDS
from django_jobs.terminal.base import NO_DATABASE, refusal
from django_jobs.terminal.output import Output


class Command(BaseCommand):
    """Hand over to one of the subcommands."""

    help = "Look at jobs, and steer them."
    requires_migrations_checks = False

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the subcommands, each with its flags."""
        subparsers = parser.add_subparsers(dest="subcommand", metavar="SUBCOMMAND", required=True)
        for subcommand in SUBCOMMANDS:
            subparser = subparsers.add_parser(
                subcommand.name, help=subcommand.help, description=subcommand.help
            )
            subcommand.add_arguments(subparser)

    @no_translations  # sentences that are translated elsewhere are in English among ours
    def handle(self, *args: Any, **given: Any) -> None:
        """Run the subcommand, and leave with its exit code unless that is 0."""
        known = {subcommand.name: subcommand for subcommand in SUBCOMMANDS}
        output = Output(self.stdout, given["format"])
        subcommand = known[given["subcommand"]](output, _database(given["database"]))
        try:
            code = subcommand.run(given)
        except JobsError as error:
            raise refusal(str(error)) from error
        except (OperationalError, ProgrammingError) as error:  # away, or not migrated
            raise CommandError(f"The database says: {error}", returncode=NO_DATABASE) from error
        if code:
            sys.exit(code)


def _database(alias: str | None) -> str:
    if alias is not None and alias not in connections:
        raise refusal(
            f"There is no database {alias!r} in DATABASES; there are: {', '.join(connections)}."
        )
    return write_alias(alias)
