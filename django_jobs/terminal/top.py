"""manage.py jobs top."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.db import connections
from django.db.utils import Error
from django.utils import timezone

from django_jobs import roster, wording
from django_jobs.roster import RosterEntry, Running
from django_jobs.terminal import statistics
from django_jobs.terminal.base import Subcommand, refusal
from django_jobs.terminal.output import printable
from django_jobs.terminal.tables import columns

#: Running jobs that are shown.
SHOWN = 200
#: Lines of workers, before those of jobs.
WORKERS = 12


class Top(Subcommand):
    """Shows queues, workers and running jobs, again and again."""

    name = "top"
    help = "Show queues, workers and running jobs, live. Ends by q or Ctrl-C."

    @classmethod
    def add_arguments(cls, parser: argparse.ArgumentParser) -> None:
        """Declare how often, and the common flags."""
        parser.add_argument(
            "--interval",
            type=_interval,
            default=2.0,
            metavar="N",
            help="Seconds between two looks, from 0.2 on. Default: 2.",
        )
        parser.add_argument(
            "--once",
            action="store_true",
            help="Show it once, and leave. So it is where the output is no terminal, and for JSON.",
        )
        super().add_arguments(parser)

    def run(self, given: Mapping[str, Any]) -> int:
        """Show it, until somebody has seen enough."""
        is_live = sys.stdin.isatty() and sys.stdout.isatty() and not given["once"]
        if is_live and given["format"] == "text":
            self._live(given["interval"])
            return 0
        figures, workers = statistics.look(self.using)
        running = roster.running(limit=SHOWN, using=self.using)
        queues = statistics.queue_table(figures)
        text = "\n".join(_lines(queues, workers, running))
        data = statistics.as_data(figures, workers)
        self.output.say(text, {**data, "running": [one._asdict() for one in running]})
        return 0

    def _live(self, interval: float) -> None:
        try:
            # Not at the top of the module: there is no termios everywhere.
            from django_jobs.terminal.screen import Screen
        except ImportError as error:
            raise refusal("This system has no terminals for a live view: add --once.") from error
        with Screen(sys.stdout) as screen:
            try:
                lines = self._look()
                while True:
                    screen.draw(lines)
                    key = screen.key(interval)
                    if key in ("q", "Q", "\x1b", "\x03"):
                        return
                    lines = self._look()
            except KeyboardInterrupt:
                return

    def _look(self) -> list[str]:
        head = f"django_jobs on {self.using!r}, {wording.moment(timezone.now())}   q to leave"
        try:
            figures, workers = statistics.look(self.using)
            running = roster.running(limit=SHOWN, using=self.using)
        except Error as error:  # an outage; the view goes on when it is over
            connections[self.using].close()
            return [head, "", f"The database says: {wording.first_line(printable(str(error)))}"]
        body = "\n".join(_lines(statistics.queue_table(figures), workers, running))
        return [head, "", *printable(body).splitlines()]


def _lines(
    queues: str, workers: Sequence[RosterEntry], running: Sequence[Running]
) -> Iterator[str]:
    yield queues
    yield f"\n{statistics.worker_line(workers)}"
    if workers:
        yield columns(
            ("WORKER", "QUEUES", "JOBS", "PLACES", "UP", "HEARTBEAT"),
            [_worker(one) for one in workers[:WORKERS]],
            right="23",
        )
    if len(workers) > WORKERS:
        yield f"and {len(workers) - WORKERS:,} more"
    yield f"\n{wording.counted(len(running), 'running job')}{' or more' * (len(running) >= SHOWN)}"
    if running:
        yield columns(
            ("ID", "FUNCTION", "QUEUE", "RUN", "FOR", "WORKER"),
            [_job(one) for one in running],
            right="0",
        )


def _worker(one: RosterEntry) -> tuple[str, ...]:
    late = " (late)" if statistics.is_late(one) else ""
    return (
        f"{one.hostname}:{one.pid}",
        wording.listed(one.queues) or "all",
        f"{one.jobs:,}",
        f"{one.concurrency:,}",
        wording.span(one.up),
        f"{wording.span(one.heartbeat)} ago{late}",
    )


def _job(one: Running) -> tuple[str, ...]:
    return (
        str(one.id),
        one.name,
        one.queue,
        f"{one.attempt}/{one.max_attempts}",
        "claimed" if one.seconds is None else wording.span(one.seconds),
        one.worker or "gone",
    )


def _interval(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.2 <= value <= 3600:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds from 0.2 to 3600")
    return value
