"""Where a process that runs jobs begins: nothing here imports models before Django is set up."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

import django

#: prctl(2): the signal that this process gets when its parent has died.
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Post:
    """What a process that runs jobs is given."""

    pipe: Connection
    #: Where it notes what begins: the cells of the worker's flight recorder.
    cells: Any
    #: The id of the job that its parent wants stopped.
    asked: Any
    parent: int
    worker: str
    using: str
    #: Sets up logging as the worker has it.
    initialize: Callable[[], None] | None


def main(post: Post) -> None:
    """Run jobs in this process until the parent hangs up, or dies."""
    # To all processes, from a terminal or a process manager: the worker decides what it means. Not
    # SIG_IGN, which programs that a job starts would inherit.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    # With what its jobs start it is killed as a group.
    os.setpgrp()
    _die_with(post.parent)
    django.setup()
    # Not before: these import models.
    from django_jobs.executors.inside import Inside

    if post.initialize is not None:
        post.initialize()
    Inside(post).run()


def _die_with(parent: int) -> None:
    """Let the kernel end this process with its parent: a job in a loop of C would never notice."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before we asked
            os._exit(1)
