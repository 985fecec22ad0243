"""One child process of a supervisor: a worker, and what it shares with its parent."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing import parent_process
from types import FrameType
from typing import TYPE_CHECKING, Any

import django

from django_jobs.logs import LogStyle
from django_jobs.recorder import FlightRecorder
from django_jobs.worker.gauges import Gauges

if TYPE_CHECKING:
    from django_jobs.orders import WorkerOptions
    from django_jobs.worker.worker import Worker

#: The parent's orders.
STOP, STOP_AT_ONCE = 1, 2
#: The exit code of a worker that was given up for dead and stopped itself.
LOST = 3
#: The exit code of a worker that was worn out and has left everything in order.
RECYCLED = 4


@dataclass(frozen=True)
class Post:
    """What a child is given: its orders, its own instruments, and a view of its siblings'."""

    options: WorkerOptions
    gauges: Gauges
    recorder: FlightRecorder
    siblings: Sequence[Gauges]
    #: What the parent wants: 1 to stop, 2 to stop at once. A signal to the whole process group
    #: reaches a child twice, and must not count as two.
    order: Any
    #: Jobs that may still be run by all of them together; None for no end.
    budget: Any
    log_style: LogStyle
    #: What the parent is stopped by.
    stop_signals: Sequence[signal.Signals] = ()


def blocked(stop_signals: Sequence[signal.Signals]) -> set[signal.Signals]:
    """Return the signals that a child starts with blocked, and can answer once it runs."""
    return {signal.SIGINT, signal.SIGTERM, *stop_signals}


def main(post: Post) -> None:
    """Run a worker in this process until the parent says so, or is gone."""
    # A signal to the whole group, as a terminal's Ctrl-C is, is for the parent: its word is
    # SIGTERM and what the order says.
    for number in blocked(post.stop_signals) - {signal.SIGTERM}:
        signal.signal(number, signal.SIG_IGN)
    asked_early: list[int] = []
    signal.signal(signal.SIGTERM, lambda signum, frame: asked_early.append(signum))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, blocked(post.stop_signals))
    django.setup()
    # Not before: these import models.
    from django_jobs.worker.budget import Budget
    from django_jobs.worker.worker import Worker

    post.log_style.apply()
    worker = Worker(
        post.options,
        gauges=post.gauges,
        recorder=post.recorder,
        budget=Budget(post.budget),
        others_idle=lambda: all(sibling.is_idle for sibling in post.siblings),
        initialize=post.log_style.apply,
    )
    signal.signal(signal.SIGTERM, lambda *_: _obey(worker, post.order.value))
    if not asked_early:
        threading.Thread(target=_outlive_not, args=(worker,), daemon=True).start()
        worker.run()
    sys.stdout.flush()
    sys.stderr.flush()
    logging.shutdown()
    # Not sys.exit(): a job's thread that does not end must not keep the process.
    os._exit(LOST if worker.lost else RECYCLED if worker.recycled else 0)


def obey(worker: Worker, signals: Sequence[signal.Signals]) -> None:
    """Let the first of ``signals`` stop the worker, and the second one at once."""
    heard = 0

    def hear(signum: int, frame: FrameType | None) -> None:
        nonlocal heard
        heard += 1
        if heard == 1:
            worker.stop()
        else:
            worker.kill()

    for number in signals:
        signal.signal(number, hear)


def _obey(worker: Worker, order: int) -> None:
    if order >= STOP_AT_ONCE:
        worker.kill()
    else:
        worker.stop()


def _outlive_not(worker: Worker) -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        worker.stop()
