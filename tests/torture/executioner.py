"""Who is killed, and whether what they leave is looked after in time."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from django_jobs.models import Job, Worker
from tests.lifecycle.conftest import HEARTBEAT_TIMEOUT, Runjobs
from tests.threads import wait_until
from tests.torture.fleet import Fleet, Process, job_processes, kill

#: Seconds from a worker's death until nothing is left of it in the database.
RESCUED_WITHIN = 2 * HEARTBEAT_TIMEOUT

#: All ways to kill: a worker, a process that runs jobs, a supervisor, everything on one host, and a
#: worker in the middle of its shutdown.
KINDS = ("worker", "process", "supervisor", "host", "shutdown")


@dataclass
class Executioner:
    """Kills processes of a fleet with SIGKILL, as its random numbers say."""

    fleet: Fleet
    random: Random
    kinds: Sequence[str] = KINDS
    kills: Counter[str] = field(default_factory=Counter)
    #: Seconds until the jobs of dead workers were taken back, slowest last.
    rescues: list[float] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    def strike(self) -> None:
        """Kill somebody, see to it that others take over, and start anew what has ended."""
        self.fleet.look()
        for kind in self.random.sample(self.kinds, len(self.kinds)):
            command = self.random.choice(self.fleet.commands)
            workers = self.fleet.workers(command)
            processes = [one for worker in workers for one in job_processes(worker.pid)]
            if self._strike(kind, command, workers, processes):
                self.kills[kind] += 1
                break
        else:
            raise AssertionError("there was nobody to kill")
        self.fleet.restart()

    def _strike(
        self, kind: str, command: Runjobs, workers: list[Worker], processes: list[Process]
    ) -> bool:
        """Kill as ``kind`` says, and return whether there was somebody to kill."""
        if kind == "supervisor":
            command.send(signal.SIGKILL)
            command.ends()
        elif kind == "host":
            os.killpg(command.process.pid, signal.SIGKILL)
            command.ends()
            self._expect_rescue(kind, workers, processes)
        elif kind == "process" and processes:
            kill(self.random.choice(processes))
        elif kind == "worker" and workers:
            victim = self.random.choice(workers)
            orphans = job_processes(victim.pid)
            kill(Process.of(victim.pid))
            self._expect_rescue(kind, [victim], orphans)
        elif kind == "shutdown" and workers:
            victim = self.random.choice(workers)
            command.send(signal.SIGTERM)
            # Where in its shutdown it dies is what chance decides.
            time.sleep(self.random.uniform(0, 0.3))
            kill(Process.of(victim.pid))
            if (code := command.ends()) != 0:
                self.broken.append(f"a supervisor that was told to stop ended with code {code}")
            self._expect_rescue(kind, [victim], [])
        else:
            return False
        return True

    def _expect_rescue(
        self, kind: str, workers: Sequence[Worker], orphans: Sequence[Process]
    ) -> None:
        """Wait until nothing is left of dead workers, and note how long it took.

        The time counts from when there is a living worker somewhere to find them dead.
        """
        self.fleet.restart()
        ids = [worker.pk for worker in workers]
        began = time.monotonic()

        def is_rescued() -> bool:
            nonlocal began
            rows = Worker.objects.exclude(pk__in=ids)
            if not any(Process.of(pid).is_alive for pid in rows.values_list("pid", flat=True)):
                began = time.monotonic()
            is_left = Worker.objects.filter(pk__in=ids).exists()
            return not is_left and not Job.objects.running().filter(worker__in=ids).exists()

        wait_until(lambda: not any(orphan.is_alive for orphan in orphans))
        wait_until(is_rescued)
        took = time.monotonic() - began
        self.rescues.append(took)
        if took > RESCUED_WITHIN:
            self.broken.append(
                f"{kind}: rescue took {took:.1f} s, more than {RESCUED_WITHIN:g}; "
                f"load {os.getloadavg()[0]:.1f}"
            )
