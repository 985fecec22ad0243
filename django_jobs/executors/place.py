"""One process that runs jobs, as its parent sees it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress

from django_jobs.exceptions import JobTimeout, MemoryLimitExceeded, ProcessDied
from django_jobs.executors.guard import STOP
from django_jobs.executors.inside import Dealt, News
from django_jobs.executors.outbox import Outbox
from django_jobs.judgement import Policy
from django_jobs.memory import resident
from django_jobs.outcomes import Claimed
from django_jobs.recorder import CONTEXT, FlightRecorder
from django_jobs.spawned import Post, main
from django_jobs.wording import death

#: Seconds of work that may wait in a process, and jobs at most: more would keep it from others.
AHEAD, LARGEST = 0.02, 64


class Place:
    """A process, the jobs that are with it, and what they are allowed."""

    def __init__(
        self,
        policy: Policy,
        recorder: FlightRecorder,
        grace: float,
        initialize: Callable[[], None] | None,
    ) -> None:
        self._policy, self._recorder, self._grace = policy, recorder, grace
        self.pipe, theirs = CONTEXT.Pipe()
        self._asked = CONTEXT.RawValue("q", 0)
        post = Post(
            pipe=theirs,
            cells=recorder.cells,
            asked=self._asked,
            parent=os.getpid(),
            worker=policy.worker,
            using=policy.using,
            initialize=initialize,
        )
        self.process = CONTEXT.Process(target=main, args=(post,), name="django-jobs-process")
        self.process.start()
        theirs.close()
        self._outbox = Outbox(self.pipe)
        self.is_ready = self.is_retiring = False
        #: Whether what it gives back is for its neighbours, and not for the worker.
        self.is_relieved = False
        #: Dealt and not finished, in the order dealt.
        self.jobs: dict[int, Claimed] = {}
        #: Runs it was dealt in all.
        self.dealt = 0
        self.running: Claimed | None = None
        self.since = 0.0
        self._average: float | None = None
        self._kill_at = float("inf")
        self._reason: BaseException | None = None

    # Dealing ---------------------------------------------------------------------------------

    @property
    def room(self) -> int:
        """Return how many jobs more it may be dealt: one at a time unless they are short."""
        if not self.is_ready or self.is_leaving or self._reason is not None or self.is_held_up:
            return 0
        ahead = 1 if self._average is None else int(AHEAD / max(self._average, 1e-6))
        wanted = max(1, min(LARGEST, ahead))
        return wanted - len(self.jobs) if len(self.jobs) <= wanted // 2 else 0

    @property
    def is_held_up(self) -> bool:
        """Return whether its job runs for longer than others may have to wait behind it."""
        return self.running is not None and time.monotonic() - self.since > AHEAD

    @property
    def is_leaving(self) -> bool:
        """Return whether it takes no more jobs: it is worn, or dying."""
        return self.is_retiring or self._outbox.is_broken

    def deal(self, jobs: Sequence[Claimed]) -> None:
        """Give it jobs to run, in this order."""
        self.jobs.update((job.id, job) for job in jobs)
        self.dealt += len(jobs)
        self._outbox.send([Dealt(job, self._recorder.place_of(job.id)) for job in jobs])

    def relieve(self) -> None:
        """Ask it for what waits behind its job, once, for others to run."""
        if len(self.jobs) > 1 and not self.is_relieved:
            self.revoke()
            self.is_relieved = True

    def revoke(self, jobs: Collection[int] | None = None) -> None:
        """Ask it to give back jobs that have not begun: these, or all."""
        self._outbox.send(None if jobs is None else frozenset(jobs))

    @property
    def has_news(self) -> bool:
        """Return whether there is something to receive."""
        try:
            return not self.pipe.closed and self.pipe.poll()
        except OSError:
            return False

    def receive(self) -> News | None:
        """Return what it has told; None when it has died."""
        try:
            news: News = self.pipe.recv()
        except (EOFError, OSError):
            self._outbox.close()
            return None
        self.is_ready = True
        for ended in news.finished:
            self._average = max(ended.elapsed, 0.5 * (self._average or 0.0) + 0.5 * ended.elapsed)
            if self._asked.value == ended.job.id:
                self._asked.value = 0  # it may come again, by another claim
            if self.running is not None and self.running.id == ended.job.id:
                self.running = None
                self.is_relieved = False
                self._kill_at = float("inf")
        return news

    # Limits ----------------------------------------------------------------------------------

    def look(self) -> Claimed | None:
        """Find out which job runs, and kill the process if that one does not heed its limits.

        Return the job if it has begun since the last look.
        """
        now = time.monotonic()
        begun = None
        running = next((job for job in self.jobs.values() if self._has_begun(job)), None)
        if running is not self.running:
            self.running, self.since, begun = running, now, running
            limit = 0.0 if running is None else self._policy.limit(running)
            self._kill_at = now + limit + self._grace if limit else float("inf")
        if running is not None:
            if now >= self._kill_at:
                self.kill(JobTimeout(self._policy.limit(running)))
            elif running.memory_limit is not None:
                held = resident(self.process.pid) or 0
                if held > running.memory_limit:
                    self.kill(MemoryLimitExceeded(running.memory_limit, f"it held {held:,}"))
        return begun

    def _has_begun(self, job: Claimed) -> bool:
        place = self._recorder.place_of(job.id)
        return place >= 0 and self._recorder.cells[place] == job.id

    def stop(self, job: int) -> None:
        """Have the running job stopped: asked now, killed after the grace time."""
        if self.running is not None and self.running.id == job and self.process.pid is not None:
            # Not before it runs: there is one cell, and another job may be asked by it.
            self._asked.value = job
            self._kill_at = min(self._kill_at, time.monotonic() + self._grace)
            os.kill(self.process.pid, STOP)

    def kill(self, reason: BaseException) -> None:
        """End the process at once."""
        if self._reason is None:
            self._reason = reason
            self.end()

    def end(self) -> None:
        """Kill the process, and what it has started itself."""
        pid = self.process.pid
        if pid is not None and self.process.is_alive():
            with suppress(OSError):  # it has no group of its own yet
                os.killpg(pid, signal.SIGKILL)
            self.process.kill()

    # The end ---------------------------------------------------------------------------------

    def retire(self) -> None:
        """Give it no more jobs, and let it end when it has none."""
        self.is_retiring = True
        if not self.jobs:
            self._outbox.close()

    def has_begun(self, job: Claimed) -> bool:
        """Return whether a job has begun here and has not returned."""
        return self._has_begun(job) or self._recorder.place_of(job.id) < 0

    def has_returned(self, job: Claimed) -> bool:
        """Return whether a job has returned nothing, though nobody has heard of it yet."""
        place = self._recorder.place_of(job.id)
        return place >= 0 and self._recorder.cells[place] == -job.id

    @property
    def cause(self) -> BaseException:
        """Return the error that the job which ran when the process died is to end with."""
        return self._reason or ProcessDied(death(self.process.exitcode))

    def hang_up(self) -> None:
        """Tell it nothing more."""
        self._outbox.close()

    def bury(self) -> None:
        """Leave nothing of a dead process behind."""
        self.process.join()
        self.process.close()
        self._outbox.close()
