"""manage.py jobs schedules."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import Any

from django_jobs import api, calls, wording
from django_jobs.exceptions import JobsError, did_you_mean
from django_jobs.models import Schedule
from django_jobs.terminal.base import NOTHING, Subcommand, not_found, refusal
from django_jobs.terminal.tables import ago, columns

_FIELDS = (
    "name", "function", "cron", "every", "timezone", "is_enabled", "is_over", "source",
    "last_tick", "next_tick", "last_job_id", "note",
)  # fmt: skip


class Schedules(Subcommand):
    """Lists schedules, switches them on and off, and makes jobs of them at once."""

    name = "schedules"
    help = "List schedules; enable or disable the named ones, or make a job of each at once."

    @classmethod
    def add_arguments(cls, parser: argparse.ArgumentParser) -> None:
        """Declare the names, what to do, and the common flags."""
        parser.add_argument("names", nargs="*", metavar="NAME", help="Schedules, by their names.")
        what = parser.add_mutually_exclusive_group()
        for flag, text in {
            "enable": "Let them tick again.",
            "disable": "Let them tick no more, until they are enabled or declared anew.",
            "run": "Make a job of each at once; their ticks come as ever.",
        }.items():
            what.add_argument(f"--{flag}", dest="what", action="store_const", const=flag, help=text)
        super().add_arguments(parser)

    def run(self, given: Mapping[str, Any]) -> int:
        """List, or do what was asked for."""
        chosen = self._chosen(given["names"])
        what = given["what"]
        if what is None:
            self.output.say(_table(chosen), {"schedules": [_data(one) for one in chosen]})
            return 0 if chosen else NOTHING
        if not given["names"]:
            raise refusal(f"Name the schedules to {what}.")
        return self._fire(chosen) if what == "run" else self._switch(chosen, what == "enable")

    def _chosen(self, names: Sequence[str]) -> list[Schedule]:
        everything = calls.all_schedules(using=self.using)
        known = {one.name for one in everything}
        for name in names:
            if name not in known:
                raise not_found(f"There is no schedule {name!r}.{did_you_mean(name, known)}")
        return [one for one in everything if not names or one.name in names]

    def _switch(self, chosen: Sequence[Schedule], enabled: bool) -> int:
        changed = [one for one in chosen if one.is_enabled is not enabled]
        for one in changed:
            one.is_enabled = enabled
            one.save(using=self.using, update_fields=["is_enabled"])
        done = "enabled" if enabled else "disabled"
        names = [one.name for one in changed]
        text = f"{len(changed):,} {done}{': ' if names else ''}{wording.listed(names)}."
        self.output.say(text, {done: names})
        return 0 if changed else NOTHING

    def _fire(self, chosen: Sequence[Schedule]) -> int:
        try:
            jobs = api.run_now(chosen, using=self.using)
        except (JobsError, TypeError, LookupError) as error:
            raise refusal(f"No job was made: {error}") from error
        made = [{"id": job.pk, "name": job.name, "created": job.created} for job in jobs]
        new = [job.pk for job in jobs if job.created]
        held = [job.pk for job in jobs if not job.created]
        text = f"{len(new):,} made{': ' if new else ''}{wording.ids(new)}"
        if held:
            text += f"; {wording.ids(held)} holds the unique key of another"
        self.output.say(f"{text}.", {"jobs": made})
        return 0 if new else NOTHING


def _table(chosen: Sequence[Schedule]) -> str:
    if not chosen:
        return "There are no schedules."
    rows = [
        (
            one.name,
            one.cron or f"every {wording.span(one.every or 0)}",
            _status(one),
            "-" if one.last_tick is None else ago(one.last_tick),
            "-" if one.next_tick is None or _status(one) != "enabled" else ago(one.next_tick),
            one.function,
            one.note or "",
        )
        for one in chosen
    ]
    return columns(("NAME", "WHEN", "STATUS", "LAST", "NEXT", "FUNCTION", "NOTE"), rows)


def _status(one: Schedule) -> str:
    if one.source == Schedule.Source.WITHDRAWN:
        return "withdrawn"
    if one.is_over:
        return "over"
    return "enabled" if one.is_enabled else "disabled"


def _data(one: Schedule) -> dict[str, Any]:
    return {**{name: getattr(one, name) for name in _FIELDS}, "status": _status(one)}
