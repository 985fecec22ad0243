"""The flags of runjobs, and what each may be given."""

from __future__ import annotations

import argparse
import math
from argparse import ArgumentParser
from typing import Any

from django_jobs.conf import check_signal
from django_jobs.exceptions import JobsError
from django_jobs.options import check_name
from django_jobs.queueing import ORDERS

#: What --wait-for-migrations means alone: no end, in seconds.
FOR_EVER = math.inf


def add_flags(parser: ArgumentParser) -> None:
    """Declare all flags of the command."""
    _add_choice(parser)
    _add_size(parser)
    _add_ends(parser)
    _add_probes(parser)


def _add_choice(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--queue",
        action="append",
        default=[],
        metavar="NAME",
        type=_queue,
        help="Serve this queue only. May be given several times. Default: all queues.",
    )
    parser.add_argument(
        "--queue-order",
        choices=ORDERS,
        help="Choose among queues by the priorities of their jobs, strictly in the order of "
        "--queue, or by their weights. Default: DJANGO_JOBS['QUEUE_ORDER'], which is priority.",
    )
    parser.add_argument(
        "--tag",
        action="append",
        default=[],
        metavar="TAG",
        type=_tag,
        help="Serve also the queues that ask for this tag. May be given several times.",
    )


def _add_size(parser: ArgumentParser) -> None:
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
    parser.add_argument("--database", metavar="ALIAS", help="The database that holds the jobs.")
    parser.add_argument(
        "--wait-for-migrations",
        nargs="?",
        type=_seconds,
        const=FOR_EVER,
        metavar="SECONDS",
        help="Where migrations of django_jobs are pending, or the database is away, wait for them "
        "instead of leaving; at most so many seconds, or for ever.",
    )
    parser.add_argument(
        "--no-progress", action="store_true", help="Show no live line on a terminal."
    )


def _add_ends(parser: ArgumentParser) -> None:
    parser.add_argument("--burst", action="store_true", help="Stop when nothing is due any more.")
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


def _add_probes(parser: ArgumentParser) -> None:
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


def _tag(text: str) -> str:
    try:
        return check_name(text, "--tag")
    except JobsError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _signal(text: str) -> str:
    try:
        return check_signal(text, "--stop-signal").name
    except JobsError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
