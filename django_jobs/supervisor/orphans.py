"""Processes that are left to this one when their parents die, as they are to PID 1."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import sys

#: Of prctl(2): whether orphans below this process become its children, though it is not PID 1.
_GET_CHILD_SUBREAPER = 37


def are_adopted() -> bool:
    """Return whether orphans become children of this process."""
    return os.getpid() == 1 or (sys.platform == "linux" and _is_subreaper())


def _is_subreaper() -> bool:
    flag = ctypes.c_int()
    found = ctypes.CDLL(None).prctl(_GET_CHILD_SUBREAPER, ctypes.byref(flag), 0, 0, 0)
    return found == 0 and bool(flag.value)


def reap() -> list[int]:
    """Take note of the end of every orphan that has ended, and return their process ids.

    The ends of the processes that multiprocessing has started here are left for it to find. Not
    for a process that runs jobs: it would take the ends of what they start from them.
    """
    reaped: list[int] = []
    ours = {process.pid for process in multiprocessing.active_children()}
    while True:
        try:
            dead = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:  # there are no children at all
            return reaped
        if dead is None or dead.si_pid in ours:
            return reaped  # one of ours has just ended: it stands before the others until asked
        os.waitpid(dead.si_pid, os.WNOHANG)
        reaped.append(dead.si_pid)
