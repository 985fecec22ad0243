"""Commands that run workers, all of their processes, and their replacement when they are killed."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from django_jobs.models import Worker
from tests.lifecycle.conftest import Runjobs

Start = Callable[..., Runjobs]


class Process(NamedTuple):
    """A process, known by its start as well: ids are given again."""

    pid: int
    started: str

    @classmethod
    def of(cls, pid: int) -> Process:
        """Return the process that has this id now."""
        return cls(pid, _started(pid))

    @property
    def is_alive(self) -> bool:
        """Return whether it runs."""
        return bool(self.started) and _started(self.pid) == self.started


def _started(pid: int) -> str:
    """Return when a process was started; empty when it is dead."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    return "" if fields[0] in "ZX" else fields[19]


def _children_of(parent: int) -> list[int]:
    """Return the ids of a process's children, in ascending order."""
    try:
        lists = [task.read_text() for task in Path(f"/proc/{parent}/task").glob("*/children")]
    except (FileNotFoundError, ProcessLookupError):
        return []
    return sorted(int(pid) for text in lists for pid in text.split())


def _command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def job_processes(worker: int) -> list[Process]:
    """Return the processes that a worker, given its process id, has for jobs."""
    pids = [pid for pid in _children_of(worker) if "spawn_main" in _command_line(pid)]
    return [one for one in map(Process.of, pids) if one.is_alive]


class Fleet:
    """Several ``runjobs`` commands. Each stands for a host: its processes die together if need be.

    Remembers every process it has met, to tell at the end which are left over.
    """

    def __init__(self, start: Start, *commands: tuple[str, ...]) -> None:
        """``start`` starts a command with the given flags."""
        self._start = start
        self._flags = list(commands)
        self.commands = [start(*flags) for flags in commands]
        self._met: set[Process] = set()

    def restart(self) -> None:
        """Start anew the commands that have ended."""
        for place, command in enumerate(self.commands):
            if command.process.poll() is not None:
                self.commands[place] = self._start(*self._flags[place])

    def look(self) -> None:
        """Take note of the processes there are."""
        for command in self.commands:
            self._met |= set(self.family(command))

    def family(self, command: Runjobs) -> list[Process]:
        """Return a command's process and all that descend from it."""
        found, waiting = [], [command.process.pid]
        while waiting:
            pid = waiting.pop()
            found.append(Process.of(pid))
            waiting += _children_of(pid)
        return [one for one in found if one.is_alive]

    def workers(self, command: Runjobs) -> list[Worker]:
        """Return the registered workers of a command, alive or not."""
        pids = [one.pid for one in self.family(command)]
        return list(Worker.objects.filter(pid__in=pids).order_by("pk"))

    def left_over(self) -> list[Process]:
        """Return the processes that are still there of all that were ever met."""
        return [one for one in self._met if one.is_alive]

    def leave(self) -> list[int]:
        """Stop all commands in order, and return their exit codes."""
        self.look()
        for command in self.commands:
            if command.process.poll() is None:
                command.send(signal.SIGTERM)
        return [command.ends() for command in self.commands]


def kill(process: Process) -> None:
    """Kill a process, unless it is gone."""
    if process.is_alive:
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
