"""manage.py runjobs: run workers."""

from __future__ import annotations

import argparse
import logging
import math
import signal
import sys
import threading
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connections
from django.db.migrations.executor import MigrationExecutor
from django.db.utils import Error

from django_jobs.child import LOST, obey
from django_jobs.conf import is_debug, options
from django_jobs.engine.sql import write_alias
from django_jobs.exceptions import JobsError, WorkerCannotStart
from django_jobs.logs import LogStyle, logger
from django_jobs.options import check_name
from django_jobs.orders import Report, WorkerOptions
from django_jobs.progress import LiveLine
from django_jobs.supervisor import Supervisor
from django_jobs.worker import Worker

_STOPPING = (signal.SIGINT, signal.SIGTERM)


class Command(BaseCommand):
    """Run workers until they are told to stop."""

    help = "Run the jobs that are ready, until told to stop by SIGTERM or SIGINT."
    requires_migrations_checks = False

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the flags."""
        parser.add_argument(
            "--queue",
            action="append",
            default=[],
            metavar="NAME",
            type=_queue,
            help="Serve this queue only. May be given several times. Default: all queues.",
        )
        parser.add_argument(
            "--concurrency",
            type=_count(1, 10_000),
            metavar="N",
            help="Jobs that each process runs at once. Default: DJANGO_JOBS['CONCURRENCY'].",
        )
        parser.add_argument(
            "--processes",
            type=_count(0, 1000),
            default=1,
            metavar="N",
            help="Worker processes. 0 runs the worker in this very process. Default: 1.",
        )
        self._add_ends(parser)
        parser.add_argument("--database", metavar="ALIAS", help="The database that holds the jobs.")
        parser.add_argument(
            "--no-progress", action="store_true", help="Show no live line on a terminal."
        )

    def _add_ends(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--burst", action="store_true", help="Stop when nothing is due any more."
        )
        parser.add_argument(
            "--max-jobs",
            type=_count(1, 2**62),
            metavar="N",
            help="Stop after exactly so many runs, all processes together.",
        )
        parser.add_argument(
            "--max-seconds", type=_seconds, metavar="N", help="Stop after so many seconds."
        )
        parser.add_argument(
            "--shutdown-timeout",
            type=_seconds,
            metavar="N",
            help="Seconds that running jobs may go on after the first signal. "
            "Default: DJANGO_JOBS['SHUTDOWN_TIMEOUT'], which is 25.",
        )

    def handle(self, *args: Any, **given: Any) -> None:
        """Check that the workers can work, run them, and say what they did."""
        using = _database(given["database"])
        _refuse_what_cannot_work(using)
        shows = not given["no_progress"] and self.stdout.isatty() and given["processes"] > 0
        style = LogStyle(_level(given["verbosity"], shows), erase=shows)
        style.apply()
        if is_debug():
            logger.warning("settings.debug DEBUG is on: Django remembers queries; turn it off")
        report = self._run(_orders(given, using), given["processes"], style, shows)
        self.stdout.write(_summary(report))

    def _run(self, orders: WorkerOptions, processes: int, style: LogStyle, shows: bool) -> Report:
        if not processes:
            return _run_here(orders)
        line = LiveLine(sys.stdout, orders.queues, orders.using) if shows else None
        supervisor = Supervisor(
            orders, processes, log_style=style, on_tick=line.show if line else lambda gauges: None
        )
        try:
            return supervisor.run(_STOPPING)
        except WorkerCannotStart as error:
            raise CommandError(str(error)) from error
        finally:
            if line:
                line.clear()


def _run_here(orders: WorkerOptions) -> Report:
    worker = Worker(orders)
    if threading.current_thread() is not threading.main_thread():
        return worker.run()  # only the main thread may set signal handlers
    former = {number: signal.getsignal(number) for number in _STOPPING}
    obey(worker, _STOPPING)
    try:
        report = worker.run()
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
    if worker.lost:
        raise CommandError(f"The worker stopped itself: {worker.lost}.", returncode=LOST)
    return report


def _orders(given: dict[str, Any], using: str) -> WorkerOptions:
    return WorkerOptions(
        queues=tuple(dict.fromkeys(given["queue"])),
        concurrency=given["concurrency"],
        burst=given["burst"],
        max_jobs=given["max_jobs"],
        max_seconds=given["max_seconds"],
        shutdown_timeout=given["shutdown_timeout"],
        using=using,
    )


def _summary(report: Report) -> str:
    return (
        f"Processed {report.processed:,} jobs in {report.seconds:,.1f} s: "
        f"{report.succeeded:,} succeeded, {report.retried:,} to be retried, "
        f"{report.failed:,} failed."
    )


def _level(verbosity: int, shows: bool) -> int:
    if verbosity == 0 or (shows and verbosity == 1):
        return logging.ERROR
    return logging.INFO if verbosity == 1 else logging.DEBUG


# What must hold before a worker starts ------------------------------------------------------


def _database(alias: str | None) -> str:
    if alias is not None and alias not in connections:
        raise CommandError(
            f"There is no database {alias!r} in DATABASES; there are: {', '.join(connections)}."
        )
    return write_alias(alias)


def _refuse_what_cannot_work(using: str) -> None:
    try:
        options()
    except JobsError as error:
        raise CommandError(str(error)) from error
    connection = connections[using]
    if connection.vendor != "postgresql":
        raise CommandError(
            f"The database {using!r} is {connection.display_name}, and django_jobs needs "
            f"PostgreSQL: point its ENGINE at django.db.backends.postgresql, or name another "
            f"database by --database or a router."
        )
    try:
        pending = _pending_migrations(using)
    except Error as error:
        raise CommandError(f"The database {using!r} cannot be reached: {error}") from error
    finally:
        connection.close()
    if pending:
        raise CommandError(
            f"The tables of django_jobs are not up to date ({', '.join(pending)} not applied): "
            f"run manage.py migrate{'' if using == 'default' else f' --database {using}'} first."
        )


def _pending_migrations(using: str) -> list[str]:
    executor = MigrationExecutor(connections[using])
    targets = [node for node in executor.loader.graph.leaf_nodes() if node[0] == "django_jobs"]
    return [migration.name for migration, _ in executor.migration_plan(targets)]


# What the flags take ------------------------------------------------------------------------


def _count(least: int, most: int) -> Any:
    def parse(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"{value} is not between {least} and {most}")
        return value

    return parse


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds") from None
    if not math.isfinite(value) or value < 0:
        raise argparse.ArgumentTypeError(f"{text} is not a number of seconds from 0 on")
    return value


def _queue(text: str) -> str:
    try:
        return check_name(text, "--queue")
    except JobsError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
