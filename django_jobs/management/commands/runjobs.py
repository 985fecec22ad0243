"""manage.py runjobs: run workers."""

from __future__ import annotations

import logging
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from django_jobs import preconditions, wording
from django_jobs.conf import is_debug, options
from django_jobs.exceptions import WorkerCannotStart
from django_jobs.flags import add_flags
from django_jobs.logs import LogStyle, logger
from django_jobs.orders import Report, WorkerOptions
from django_jobs.progress import LiveLine
from django_jobs.supervisor.child import LOST, obey
from django_jobs.supervisor.health import Health, Vital
from django_jobs.supervisor.probes import HealthServer, HeartbeatFile, Probes
from django_jobs.supervisor.reloading import Watcher
from django_jobs.supervisor.supervisor import Supervisor
from django_jobs.worker.gauges import Gauges
from django_jobs.worker.worker import Worker


class Command(BaseCommand):
    """Run workers until they are told to stop."""

    help = "Run the jobs that are ready, until told to stop by SIGTERM or SIGINT."
    requires_migrations_checks = False

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the flags."""
        add_flags(parser)

    def handle(self, *args: Any, **given: Any) -> None:
        """Check that the workers can work, run them, and say what they did."""
        using = preconditions.database(given["database"])
        if given["wait_for_migrations"] is not None:
            with _ended_by(_stop_signals(given)):
                preconditions.wait_for_migrations(using, given["wait_for_migrations"], self._tell)
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

    def _tell(self, text: str) -> None:
        self.stderr.write(text)

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


@contextmanager
def _ended_by(signals: tuple[signal.Signals, ...]) -> Iterator[None]:
    """Leave at once at these signals: process 1 of a container would not see them otherwise."""

    def leave(number: int, frame: FrameType | None) -> None:
        sys.exit(128 + number)

    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may set signal handlers
        return
    former = {number: signal.signal(number, leave) for number in signals}
    try:
        yield
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
        tags=tuple(dict.fromkeys(given["tag"])),
        queue_order=given["queue_order"],
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
        f"Processed {wording.counted(report.processed, 'job')} in {report.seconds:,.1f} s: "
        f"{report.succeeded:,} succeeded, {report.retried:,} to be retried, "
        f"{report.failed:,} failed."
    )


def _level(verbosity: int, shows: bool) -> int:
    if verbosity == 0 or (shows and verbosity == 1):
        return logging.ERROR
    return logging.INFO if verbosity == 1 else logging.DEBUG


# What the flags take ------------------------------------------------------------------------
