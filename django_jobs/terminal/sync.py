"""manage.py jobs sync."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django_jobs import catalogue
from django_jobs.terminal.base import Subcommand


class Sync(Subcommand):
    """Writes what the code declares to the table of tasks."""

    name = "sync"
    help = "Write what the code says of its job functions to the database, as migrate does."

    def run(self, given: Mapping[str, Any]) -> int:
        """Write it, and say what has changed."""
        synced = catalogue.sync(using=self.using, authoritative=True)
        text = f"{synced.stored:,} tasks were written, {synced.withdrawn:,} withdrawn."
        self.output.say(text, synced._asdict())
        for keys, those in catalogue.clashes().items():
            names = ", ".join(one.name for one in those)
            self.output.warn(f"SQL cannot call ({', '.join(keys)}): it is {names}.")
        return 0
