"""A place for a worker process under a supervisor, and the process that fills it now."""

from __future__ import annotations

import logging
import signal
import time
from dataclasses import dataclass, field
from multiprocessing import resource_tracker
from multiprocessing.context import SpawnProcess

from django_jobs.pauses import Pauses
from django_jobs.recorder import CONTEXT, FlightRecorder
from django_jobs.supervisor.child import LOST, RECYCLED, Post, blocked, main
from django_jobs.supervisor.health import Vital
from django_jobs.wording import death
from django_jobs.worker.gauges import Gauges

logger = logging.getLogger("django_jobs")

#: Seconds that a process must have lived to be replaced at once when it dies.
SOUND = 5.0
#: Seconds that a process gets to leave after its time, before it is killed.
LEEWAY = 5.0


@dataclass
class Place:
    """Outlives its processes: what they tell of themselves and how they fared is kept here."""

    gauges: Gauges
    recorder: FlightRecorder
    process: SpawnProcess | None = None
    born: float = 0.0
    #: When to start the next process, or to try again to bury the last, by the monotonic clock.
    due: float = 0.0
    #: When to kill the process, by the monotonic clock.
    kill_at: float = float("inf")
    #: Whether the process was told to leave.
    is_leaving: bool = False
    is_over: bool = False
    false_starts: int = 0
    #: How the last process died, until another is there.
    ailment: str = ""
    pauses: Pauses = field(default_factory=Pauses)

    @classmethod
    def vacant(cls, jobs: int) -> Place:
        """Return a place for a worker that holds up to so many jobs."""
        return cls(Gauges.shared(), FlightRecorder.shared(jobs))

    @property
    def is_alive(self) -> bool:
        """Return whether a process is there."""
        return self.process is not None and self.process.is_alive()

    @property
    def is_finished(self) -> bool:
        """Return whether the process has ended because nothing is left to do, here or for another.

        One that was told to leave says nothing about that.
        """
        return self.process is not None and self.process.exitcode == 0 and not self.is_leaving

    @property
    def left_in_order(self) -> bool:
        """Return whether the process that has ended has left nothing behind."""
        if self.process is None or self.process.exitcode in (0, RECYCLED):
            return True
        return self.is_leaving and not self.gauges.worker  # told to leave before it had begun

    def fill(self, post: Post) -> None:
        """Start a process here."""
        self.gauges.is_idle = 0
        self.process = CONTEXT.Process(target=main, args=(post,), name="django-jobs-worker")
        self.born = time.monotonic()
        resource_tracker.ensure_running()  # its own start would unblock what is blocked here
        # Signals wait until the child can answer them; a terminal's Ctrl-C reaches it as well.
        former = signal.pthread_sigmask(signal.SIG_BLOCK, blocked(post.stop_signals))
        try:
            self.process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, former)
        self.ailment = ""

    def dismiss(self, within: float) -> None:
        """Tell the process to leave, and allow it so many seconds."""
        if self.process is not None and self.process.is_alive():
            self.is_leaving = True
            self.kill_at = time.monotonic() + within + LEEWAY
            self.process.terminate()

    def kill_if_late(self) -> None:
        """Kill the process if it was told to leave and its time is over."""
        if self.process is not None and time.monotonic() >= self.kill_at and self.is_alive:
            logger.error("worker.killed pid=%s reason='it did not stop in time'", self.process.pid)
            self.kill_at = float("inf")
            self.process.kill()

    def await_end(self) -> None:
        """Wait until the process that was told to leave is gone, and kill it when it is late."""
        if self.process is not None and self.is_leaving:
            self.process.join(max(0.0, self.kill_at - time.monotonic()))
            self.kill_if_late()

    def vacate(self) -> None:
        """Forget the process that has ended, and say when the next is due."""
        lived = time.monotonic() - self.born
        if lived >= SOUND:
            self.pauses.reset()
        at_once = lived >= SOUND or self.left_in_order
        self.due = time.monotonic() + (0.0 if at_once else self.pauses.next())
        self.process, self.is_leaving, self.kill_at = None, False, float("inf")
        self.gauges.worker = self.gauges.running = 0

    def close(self) -> None:
        """Let no other process come."""
        self.is_over, self.process, self.ailment = True, None, ""
        self.gauges.is_idle = 1

    def vital(self) -> Vital:
        """Return what is seen of it; may be called from any thread."""
        process, worker = self.process, self.gauges.worker
        pid = process.pid if process is not None else None
        name = f"worker {worker} (pid {pid})" if worker else f"worker process {pid or '-'}"
        return Vital(name, self.gauges.beats, ailment=self.ailment, is_over=self.is_over)

    def cause_of_death(self) -> str:
        """Say how the process has ended, as the end of a sentence about it."""
        code = self.process.exitcode if self.process is not None else None
        if code == LOST:
            return "was given up for dead and stopped itself"
        return death(code)
