"""Runs functions in child processes, which can be stopped, whatever they do."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from multiprocessing import connection

from django_jobs.capabilities import EXECUTORS
from django_jobs.executors.base import Executor, Watcher, drained
from django_jobs.executors.place import Place
from django_jobs.judgement import Policy, concluded, judge
from django_jobs.memory import resident
from django_jobs.outcomes import Abandoned, Claimed, Finished, Outcome, Succeeded
from django_jobs.pauses import Pauses
from django_jobs.recorder import CONTEXT, FlightRecorder
from django_jobs.registry import find

logger = logging.getLogger("django_jobs")

#: Seconds between two looks at running jobs, and at nothing.
TICK, IDLE = 0.1, 5.0
#: Seconds that killed processes may take to be gone.
BURIAL = 5.0


class ProcessExecutor(Executor):
    """Up to ``size`` processes, started as they are needed and kept warm.

    A process that dies takes with it the job that ran there: the attempt has failed, and says why.
    What waited there goes to another. All of it happens in one thread, which starts them too: the
    kernel ends a process when the thread that started it ends.
    """

    capabilities = EXECUTORS["process"]

    def __init__(
        self,
        size: int,
        policy: Policy,
        watcher: Watcher,
        recorder: FlightRecorder,
        *,
        grace: float = 1.0,
        max_jobs: int | None = None,
        max_memory: int | None = None,
        initialize: Callable[[], None] | None = None,
    ) -> None:
        """A process is replaced after ``max_jobs`` runs, or when it holds ``max_memory`` bytes."""
        super().__init__(size, policy, watcher)
        self._recorder, self._grace, self._initialize = recorder, grace, initialize
        self._max_jobs, self._max_memory = max_jobs, max_memory
        self._places: list[Place] = []
        self._withdrawn: deque[Claimed] = deque()
        self._unwanted: set[int] = set()
        self._orders: deque[Callable[[], None]] = deque()
        self._bell, self._ear = CONTEXT.Pipe(duplex=False)[::-1]
        self._rung = self._stopping = False
        self._pauses, self._next_start = Pauses(), 0.0
        self._thread: threading.Thread | None = None

    def submit(self, jobs: Sequence[Claimed]) -> None:
        """Run jobs, in this order, as processes get free; start some while there are too few."""
        self._waiting.extend(jobs)
        if self._thread is None:
            self._thread = threading.Thread(target=self._serve, name="job-processes", daemon=True)
            self._thread.start()
        self._ring()

    def withdraw(self) -> list[Claimed]:
        """Take back the jobs that have not begun; those in processes follow as they answer."""
        self._order(self._revoke)
        return [*super().withdraw(), *drained(self._withdrawn)]

    @property
    def starting(self) -> int:
        """Return how many processes have started and are not ready."""
        return sum(not place.is_ready for place in list(self._places))

    def cancel(self, jobs: Collection[int]) -> None:
        """Stop jobs that are not wanted any more: asked first, killed with their process then."""
        super().cancel(jobs)
        self._order(lambda: self._stop_jobs(frozenset(jobs)))

    def stop(self) -> None:
        """Kill what runs, and run nothing more; return when the processes are gone."""
        self._stopping = True
        super().withdraw()
        self._ring()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(BURIAL)

    def _order(self, order: Callable[[], None]) -> None:
        self._orders.append(order)
        self._ring()

    def _ring(self) -> None:
        if not self._rung:
            self._rung = True
            self._bell.send_bytes(b"!")

    # In the serving thread -------------------------------------------------------------------

    def _serve(self) -> None:
        try:
            while not self._stopping:
                try:
                    self._turn()
                except OSError as error:  # no process, memory or file handle to be had
                    self._next_start = time.monotonic() + self._pauses.next()
                    logger.error("process.not_started error=%s", error)
                except Exception:  # jobs must not be left behind in processes that nobody serves
                    logger.exception("process.executor_failed")
                    time.sleep(self._pauses.next())
        finally:
            for place in self._places:
                place.end()
            for place in self._places:
                place.process.join(BURIAL)
                place.hang_up()

    def _turn(self) -> None:
        while self._orders:
            self._orders.popleft()()
        self._staff()
        self._deal()
        pipes = {place.pipe: place for place in self._places if not place.pipe.closed}
        deaths = {place.process.sentinel: place for place in self._places}
        is_busy = bool(self._waiting) or any(place.jobs for place in self._places)
        for ready in connection.wait([self._ear, *pipes, *deaths], TICK if is_busy else IDLE):
            if ready is self._ear:
                self._ear.recv_bytes()
                self._rung = False
            elif ready in pipes:
                self._receive(pipes[ready])
        for place in list(self._places):
            self._look(place)

    def _staff(self) -> None:
        """Start processes while there are fewer than have something to do."""
        staying = [place for place in self._places if not place.is_leaving]
        busy = sum(bool(place.jobs) for place in staying)
        missing = min(self.size, busy + len(self._waiting)) - len(staying)
        for _ in range(missing if time.monotonic() >= self._next_start else 0):
            place = Place(self._policy, self._recorder, self._grace, self._initialize)
            self._places.append(place)
            logger.debug("process.started pid=%s", place.process.pid)

    def _deal(self) -> None:
        # Those with the least to do first: nobody waits behind a job while a process is idle.
        ready = sorted((one for one in self._places if one.room > 0), key=lambda one: len(one.jobs))
        for position, place in enumerate(ready):
            # So that the last ones are shared out as well.
            share = -(-len(self._waiting) // (len(ready) - position))
            jobs = self._take(min(place.room, share))
            if jobs:
                place.deal(jobs)

    def _take(self, count: int) -> list[Claimed]:
        taken: list[Claimed] = []
        while len(taken) < count and self._waiting:
            try:
                taken.append(self._waiting.popleft())
            except IndexError:  # withdrawn meanwhile
                break
        return taken

    def _receive(self, place: Place) -> None:
        news = place.receive()
        if news is None:
            return  # it has died, or is about to: its jobs are looked after then
        self._pauses.reset()
        for told in news.notes:
            for line in told.lines:
                self._watcher.note(told.job, line=line)
            if told.progress:
                self._watcher.note(told.job, progress=told.progress)
        self._return([place.jobs.pop(job) for job in news.revoked if job in place.jobs], place)
        for ended in news.finished:
            self._end(place, ended)
        if place.is_retiring or self._is_worn(place):
            place.retire()

    def _return(self, jobs: list[Claimed], place: Place) -> None:
        wanted = [job for job in jobs if job.id not in self._unwanted]
        for job in jobs:
            if job.id in self._unwanted:
                self._unwanted.discard(job.id)
                self._abandon(job)
        if place.is_relieved:
            self._waiting.extendleft(reversed(wanted))
        elif wanted:
            self._withdrawn.extend(wanted)
            self._watcher.expectant()

    def _end(self, place: Place, ended: Finished) -> None:
        # Dealt before it began, it may have ended before anybody looked.
        if place.jobs.pop(ended.job.id, None) is not None:
            self._unwanted.discard(ended.job.id)
            self._watcher.begun(ended.job)
            self._hand_over(ended)

    def _is_worn(self, place: Place) -> bool:
        if self._max_jobs is not None and place.dealt >= self._max_jobs:
            return True
        return self._max_memory is not None and (
            (resident(place.process.pid) or 0) >= self._max_memory
        )

    def _look(self, place: Place) -> None:
        if place.process.is_alive():
            begun = place.look()
            if begun is not None:
                self._watcher.begun(begun)
                if begun.id in self._unwanted:
                    place.stop(begun.id)
            if place.is_held_up and self._has_idle:
                place.relieve()
        else:
            self._bury(place)

    @property
    def _has_idle(self) -> bool:
        staying = [place for place in self._places if not place.is_leaving]
        return len(staying) < self.size or any(not place.jobs for place in staying)

    def _revoke(self) -> None:
        for place in self._places:
            place.is_relieved = False
            if len(place.jobs) > 1:
                place.revoke()

    def _stop_jobs(self, jobs: frozenset[int]) -> None:
        for place in self._places:
            there = place.jobs.keys() & jobs
            self._unwanted |= there
            if there:
                place.revoke(there)
            for job in there:
                place.stop(job)

    # The dead --------------------------------------------------------------------------------

    def _bury(self, place: Place) -> None:
        """Take over what a dead process leaves: its last news, its victim, those that waited."""
        while place.has_news:
            self._receive(place)
        self._places.remove(place)
        if not place.is_ready:
            # It never came to work: not again and again without a pause.
            self._next_start = time.monotonic() + self._pauses.next()
            logger.error("process.false_start pid=%s cause=%r", place.process.pid, str(place.cause))
        waiting = []
        for job in place.jobs.values():
            if place.has_returned(job):
                self._unwanted.discard(job.id)
                self._watcher.begun(job)
                self._hand_over(_finished(job, Succeeded(), place))
            elif place.is_ready and place.has_begun(job):
                self._watcher.begun(job)
                self._hand_over(self._victim(job, place))
            else:
                waiting.append(job)
        self._waiting.extendleft(reversed(waiting))
        place.bury()

    def _victim(self, job: Claimed, place: Place) -> Finished:
        if job.id in self._unwanted:
            self._unwanted.discard(job.id)
            return _finished(job, Abandoned("it was cancelled, and its process killed"), place)
        outcome = judge(place.cause, job, find(job.name), self._policy)
        return _finished(job, outcome, place)


def _finished(job: Claimed, outcome: Outcome, place: Place) -> Finished:
    since = place.since if place.running is job else time.monotonic()
    return concluded(job, outcome, since, find(job.name))
