"""manage.py runjobs: run workers."""

from __future__ import annotations

import argparse
import logging
import math
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from django_jobs import preconditions
from django_jobs.child import LOST, obey
from django_jobs.conf import check_signal, is_debug, options
from django_jobs.exceptions import JobsError, WorkerCannotStart
from django_jobs.gauges import Gauges
from django_jobs.health import Health, Vital
from django_jobs.logs import LogStyle, logger
from django_jobs.options import check_name
from django_jobs.orders import Report, WorkerOptions
from django_jobs.probes import HealthServer, HeartbeatFile, Probes
from django_jobs.progress import LiveLine
from django_jobs.reloading import Watcher
from django_jobs.supervisor import Supervisor
from django_jobs.worker import Worker


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
            "--units",
            type=_count(1, 2**31 - 1),
            metavar="N",
            help="What the jobs that run on this host may take together. "
            "Default: DJANGO_JOBS['UNITS'], which is 10,000.",
        )
        parser.add_argument(
            "--processes",
            type=_count(0, 1000),
            default=1,
            metavar="N",
            help="Worker processes. 0 runs the worker in this very process. Default: 1.",
        )
        self._add_ends(parser)
        self._add_probes(parser)
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

        parser.add_argument(
            "--stop-signal",
            action="append",
            default=[],
            metavar="NAME",
            type=_signal,
            help="Stop gracefully at this signal only, say SIGQUIT. May be given several times. "
            "Default: DJANGO_JOBS['STOP_SIGNALS'], which are SIGINT and SIGTERM.",
        )

    def _add_probes(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--health-port",
            type=_count(1, 65535),
            metavar="N",
            help="Answer GET /healthz on this port: 200 while all workers are well, else 503.",
        )
        parser.add_argument(
            "--health-host",
            default="0.0.0.0",  # noqa: S104 - a probe comes from outside the container
            metavar="ADDRESS",
            help="The address to answer on. Default: 0.0.0.0, which is all of IPv4.",
        )
        parser.add_argument(
            "--heartbeat-file",
            metavar="PATH",
            help="Touch this file every second while all workers are well.",
        )
        parser.add_argument(
            "--reload",
            action="store_true",
            help="Replace the workers when the code changes. For development.",
        )

    def handle(self, *args: Any, **given: Any) -> None:
        """Check that the workers can work, run them, and say what they did."""
        using = preconditions.database(given["database"])
        preconditions.refuse_what_cannot_work(using)
        if given["reload"] and not given["processes"]:
            raise CommandError("--reload needs --processes 1 or more.", returncode=2)
        shows = not given["no_progress"] and self.stdout.isatty() and given["processes"] > 0
        style = LogStyle(_level(given["verbosity"], shows), erase=shows)
        style.apply()
        if is_debug():
            logger.warning("settings.debug DEBUG is on: Django remembers queries; turn it off")
        report = self._run(_orders(given, using), given, style, shows)
        self.stdout.write(_summary(report))

    def _run(
        self, orders: WorkerOptions, given: dict[str, Any], style: LogStyle, shows: bool
    ) -> Report:
        if not given["processes"]:
            return self._run_here(orders, given, style)
        line = LiveLine(sys.stdout, orders.queues, orders.using) if shows else None
        supervisor = Supervisor(
            orders,
            given["processes"],
            log_style=style,
            on_tick=line.show if line else lambda gauges: None,
            watcher=Watcher(options().job_modules) if given["reload"] else None,
        )
        try:
            with _probes(given, supervisor.vitals):
                preconditions.declare_schedules(orders.using)
                return supervisor.run(_stop_signals(given))
        except WorkerCannotStart as error:
            raise CommandError(str(error)) from error
        finally:
            if line:
                line.clear()

    def _run_here(self, orders: WorkerOptions, given: dict[str, Any], style: LogStyle) -> Report:
        gauges = Gauges()
        worker = Worker(orders, gauges=gauges, initialize=style.apply)
        with _probes(given, lambda: [Vital(f"worker {gauges.worker or '-'}", gauges.beats)]):
            preconditions.declare_schedules(orders.using)
            report = _run_until(worker, _stop_signals(given))
        if worker.lost:
            raise CommandError(f"The worker stopped itself: {worker.lost}.", returncode=LOST)
        if worker.recycled:
            self.stdout.write(f"The worker ended to be replaced: {worker.recycled}.")
        return report


def _run_until(worker: Worker, signals: tuple[signal.Signals, ...]) -> Report:
    if threading.current_thread() is not threading.main_thread():
        return worker.run()  # only the main thread may set signal handlers
    former = {number: signal.getsignal(number) for number in signals}
    obey(worker, signals)
    try:
        return worker.run()
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


def _stop_signals(given: dict[str, Any]) -> tuple[signal.Signals, ...]:
    names = given["stop_signal"] or options().stop_signals
    return tuple(dict.fromkeys(signal.Signals[name] for name in names))


def _probes(
    given: dict[str, Any], vitals: Callable[[], Sequence[Vital]]
) -> AbstractContextManager[object]:
    host, port, path = given["health_host"], given["health_port"], given["heartbeat_file"]
    if port is None and path is None:
        return nullcontext()
    try:
        file = HeartbeatFile(path) if path is not None else None
    except OSError as error:
        raise CommandError(
            f"The heartbeat file {path!r} cannot be written: {error.strerror or error}."
        ) from error
    health = Health(vitals, options().heartbeat_timeout)
    try:
        server = HealthServer(health, host, port) if port is not None else None
    except OSError as error:
        if file is not None:
            file.remove()
        raise CommandError(
            f"Nothing can listen on {host} port {port}: {error.strerror or error}. "
            f"Choose another --health-port or --health-host."
        ) from error
    return Probes(health, server, file)


def _orders(given: dict[str, Any], using: str) -> WorkerOptions:
    return WorkerOptions(
        queues=tuple(dict.fromkeys(given["queue"])),
        concurrency=given["concurrency"],
        units=given["units"],
        burst=given["burst"],
        max_jobs=given["max_jobs"],
        max_seconds=given["max_seconds"],
        shutdown_timeout=given["shutdown_timeout"],
        declares=given["reload"],
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


def _signal(text: str) -> str:
    try:
        return check_signal(text, "--stop-signal").name
    except JobsError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
