"""manage.py jobs triggers."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import Any

from django_jobs import wording
from django_jobs.exceptions import did_you_mean
from django_jobs.terminal.base import NOTHING, Subcommand, not_found, refusal
from django_jobs.triggers import catalogue
from django_jobs.triggers.catalogue import Entry


class Triggers(Subcommand):
    """Lists the database triggers that make jobs, and puts them right."""

    name = "triggers"
    help = "List the database triggers that make jobs; enable, disable, drop or remake them."

    @classmethod
    def add_arguments(cls, parser: argparse.ArgumentParser) -> None:
        """Declare the names and what may be done."""
        parser.add_argument(
            "names", nargs="*", metavar="NAME", help="Triggers, by the names they are declared by."
        )
        what = parser.add_mutually_exclusive_group()
        for flag, help_text in {
            "--enable": "Let the named triggers make jobs again.",
            "--disable": "Let the named triggers make no jobs until they are enabled.",
            "--drop-orphans": "Drop the triggers that nothing declares.",
            "--sync": "Make those that are missing, and those anew that are outdated.",
        }.items():
            what.add_argument(
                flag,
                dest="what",
                action="store_const",
                const=flag.removeprefix("--").replace("-", "_"),
                help=help_text,
            )
        super().add_arguments(parser)

    def run(self, given: Mapping[str, Any]) -> int:
        """List, or do what was asked for and say to which."""
        chosen = self._chosen(given["names"])
        what = given["what"]
        if what is None:
            return self._list(chosen)
        if what in ("enable", "disable") and not given["names"]:
            raise refusal(f"Name the triggers to {what}.")
        changed: list[Entry] = getattr(self, f"_{what}")(chosen)
        done = {"drop_orphans": "dropped", "sync": "made"}.get(what, f"{what}d")
        names = [f"{one.name} ({_event(one)})" for one in changed]
        text = f"{len(changed):,} {done}{': ' if names else ''}{wording.listed(names)}."
        self.output.say(text, {done: [one.as_dict() for one in changed]})
        return 0 if changed else NOTHING

    def _chosen(self, names: Sequence[str]) -> list[Entry]:
        all_of_them = catalogue.entries(self.using)
        known = {one.name for one in all_of_them}
        for name in names:
            if name not in known:
                raise not_found(f"There is no trigger {name!r}.{did_you_mean(name, known)}")
        return [one for one in all_of_them if not names or one.name in names]

    def _enable(self, chosen: list[Entry]) -> list[Entry]:
        return self._set_enabled(chosen, True)

    def _disable(self, chosen: list[Entry]) -> list[Entry]:
        return self._set_enabled(chosen, False)

    def _set_enabled(self, chosen: list[Entry], enabled: bool) -> list[Entry]:
        wanted = [one for one in chosen if one.found and one.found.enabled is not enabled]
        found = [one.found for one in wanted if one.found]
        catalogue.set_enabled(found, enabled, using=self.using)
        return wanted

    def _drop_orphans(self, chosen: list[Entry]) -> list[Entry]:
        orphans = [one for one in chosen if one.status == "orphan"]
        catalogue.drop([one.found for one in orphans if one.found], using=self.using)
        return orphans

    def _sync(self, chosen: list[Entry]) -> list[Entry]:
        wanted = [one for one in chosen if one.status in ("missing", "outdated")]
        catalogue.make(wanted, using=self.using)
        return wanted

    def _list(self, chosen: list[Entry]) -> int:
        rows = [_row(one) for one in chosen]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [
            "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in rows
        ]
        text = "\n".join(lines) or "There are no job triggers."
        self.output.say(text, {"triggers": [one.as_dict() for one in chosen]})
        return 0


def _row(entry: Entry) -> tuple[str, ...]:
    told = entry.as_dict()
    return (
        entry.name,
        str(told["table"]),
        str(told["event"]),
        "-" if entry.found is None else "enabled" if entry.found.enabled else "disabled",
        entry.status,
        str(told["job"]),
        f"declared by {told['declared_by']}" if told["declared_by"] else "declared by nobody",
        entry.problem,
    )


def _event(entry: Entry) -> str:
    return str(entry.as_dict()["event"])
