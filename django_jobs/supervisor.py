"""The parent of several workers: it starts them, replaces the dead, and passes signals on."""

from __future__ import annotations

import logging
import signal
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from multiprocessing import connection
from multiprocessing.context import SpawnProcess
from types import FrameType

from django.db import connections
from django.db.utils import Error

from django_jobs import engine
from django_jobs.appetite import LARGEST
from django_jobs.child import LOST, STOP, STOP_AT_ONCE, Post, main
from django_jobs.conf import options
from django_jobs.exceptions import WorkerCannotStart
from django_jobs.gauges import CONTEXT, FlightRecorder, Gauges
from django_jobs.logs import LogStyle
from django_jobs.orders import Report, WorkerOptions
from django_jobs.pauses import Pauses

logger = logging.getLogger("django_jobs")

#: Seconds between two looks at the children.
TICK = 0.1
#: Seconds that children get to leave after their shutdown timeout, before they are killed.
LEEWAY = 5.0
#: Processes in one place that may die in a row without having begun to work.
FALSE_STARTS = 5
#: Seconds that a child must have lived to be replaced at once when it dies.
SOUND = 5.0


@dataclass
class Child:
    """A place for a worker process, and the process that fills it now."""

    gauges: Gauges
    recorder: FlightRecorder
    process: SpawnProcess | None = None
    born: float = 0.0
    #: When to start the next process in this place, by the monotonic clock.
    due: float = 0.0
    is_over: bool = False
    false_starts: int = 0
    pauses: Pauses = field(default_factory=Pauses)


class Supervisor:
    """Runs ``processes`` workers until told to stop, or until a burst is over."""

    def __init__(
        self,
        given: WorkerOptions,
        processes: int,
        *,
        log_style: LogStyle | None = None,
        on_tick: Callable[[Sequence[Gauges]], None] = lambda gauges: None,
    ) -> None:
        """``on_tick`` is called several times a second with what the workers tell of themselves."""
        self._given = given
        self._settings = options()
        self._log_style = log_style
        self._on_tick = on_tick
        self._budget = None if given.max_jobs is None else CONTEXT.Value("q", given.max_jobs)
        places = (given.concurrency or self._settings.concurrency) + 2 * LARGEST
        self._children = [
            Child(Gauges.shared(), FlightRecorder.shared(places)) for _ in range(processes)
        ]
        self._order = CONTEXT.RawValue("i", 0)
        self._signals = 0
        self._passed_on = 0
        self._kill_at = float("inf")
        self._until = float("inf")

    def run(self, signals: Sequence[signal.Signals] = (signal.SIGINT, signal.SIGTERM)) -> Report:
        """Run the workers, and return what they have done together."""
        began = time.monotonic()
        if self._given.max_seconds is not None:
            self._until = began + self._given.max_seconds
        former = {number: signal.signal(number, self._hear) for number in signals}
        try:
            while not all(child.is_over for child in self._children):
                self._tick()
        finally:
            for child in self._children:
                if child.process is not None and child.process.is_alive():
                    child.process.kill()
            for number, handler in former.items():
                signal.signal(number, handler)
        self._on_tick(self._gauges)
        return self._report(time.monotonic() - began)

    def _hear(self, signum: int, frame: FrameType | None) -> None:
        self._signals += 1

    @property
    def _gauges(self) -> list[Gauges]:
        return [child.gauges for child in self._children]

    @property
    def _is_stopping(self) -> bool:
        return self._signals > 0 or time.monotonic() >= self._until

    def _tick(self) -> None:
        for child in self._children:
            self._attend(child)
        self._pass_signals_on()
        self._on_tick(self._gauges)
        sentinels = [child.process.sentinel for child in self._children if child.process]
        if sentinels:
            connection.wait(sentinels, timeout=TICK)
        elif not all(child.is_over for child in self._children):
            time.sleep(TICK)

    def _attend(self, child: Child) -> None:
        """Start, bury or replace the process of one place."""
        if child.is_over:
            return
        if child.process is None:
            if self._is_stopping:
                child.is_over = True
            elif time.monotonic() >= child.due:
                self._start(child)
        elif not child.process.is_alive():
            self._bury(child, child.process)

    def _start(self, child: Child) -> None:
        child.gauges.is_idle = 0
        child.recorder = FlightRecorder.shared(child.recorder.places)
        post = Post(
            options=self._given,
            gauges=child.gauges,
            recorder=child.recorder,
            siblings=[gauges for gauges in self._gauges if gauges is not child.gauges],
            order=self._order,
            budget=self._budget,
            log_style=self._log_style,
        )
        child.process = CONTEXT.Process(target=main, args=(post,), name="django-jobs-worker")
        child.born = time.monotonic()
        child.process.start()

    def _bury(self, child: Child, process: SpawnProcess) -> None:
        """Rescue what a dead worker has left, and decide whether another takes its place."""
        code = process.exitcode
        if code == 0:
            child.is_over, child.process = True, None
            child.gauges.is_idle = 1
            return
        if not child.gauges.worker:
            self._count_false_start(child, process)
        elif not self._rescue(child, process):
            return  # the database is away: again at the next tick
        lived = time.monotonic() - child.born
        if lived >= SOUND:
            child.pauses.reset()
        child.due = time.monotonic() + (0.0 if lived >= SOUND else child.pauses.next())
        child.process = None

    def _count_false_start(self, child: Child, process: SpawnProcess) -> None:
        child.false_starts += 1
        if child.false_starts >= FALSE_STARTS:
            raise WorkerCannotStart(FALSE_STARTS, _cause_of_death(process.exitcode))

    def _rescue(self, child: Child, process: SpawnProcess) -> bool:
        worker, pid = child.gauges.worker, process.pid
        reason = _cause_of_death(process.exitcode)
        begun, returned = child.recorder.read()
        try:
            rescued = engine.rescue(
                [worker],
                begun=begun,
                returned=returned,
                reason=f"The worker process {pid} {reason}.",
                retention=self._settings.retention,
                using=self._given.using,
            )
        except Error as error:
            logger.warning("rescue.failed worker=%s error=%s", worker, error)
            return False
        finally:
            connections[self._given.using].close()
        self._account_for(child, rescued)
        logger.error(
            "worker.died id=%s pid=%s cause=%r begun=%s returned=%s rescued=%s",
            worker, pid, reason, len(begun), len(returned), len(rescued),
        )  # fmt: skip
        return True

    def _account_for(self, child: Child, rescued: Sequence[engine.Rescued]) -> None:
        states = Counter(job.state for job in rescued)
        child.false_starts = 0
        child.gauges.worker = child.gauges.running = 0
        child.gauges.failed += states["failed"]
        child.gauges.succeeded += states["succeeded"]
        child.gauges.processed += states["failed"] + states["succeeded"]
        self._give_back(states["ready"])

    def _give_back(self, count: int) -> None:
        if self._budget is not None:
            with self._budget.get_lock():
                self._budget.value += count

    def _pass_signals_on(self) -> None:
        wanted = max(self._signals, int(self._is_stopping))
        if wanted > self._passed_on:
            self._passed_on = wanted
            self._order.value = STOP if wanted == 1 else STOP_AT_ONCE
            timeout = self._given.shutdown_timeout
            timeout = self._settings.shutdown_timeout if timeout is None else timeout
            self._kill_at = time.monotonic() + LEEWAY + (timeout if wanted == 1 else 0.0)
            logger.info("supervisor.stopping at_once=%s", wanted > 1)
            for process in self._alive():
                process.terminate()
        if time.monotonic() >= self._kill_at:
            for process in self._alive():
                logger.error("worker.killed pid=%s reason='it did not stop in time'", process.pid)
                process.kill()

    def _alive(self) -> list[SpawnProcess]:
        return [c.process for c in self._children if c.process and c.process.is_alive()]

    def _report(self, seconds: float) -> Report:
        gauges = self._gauges
        return Report(
            processed=sum(one.processed for one in gauges),
            succeeded=sum(one.succeeded for one in gauges),
            retried=sum(one.retried for one in gauges),
            failed=sum(one.failed for one in gauges),
            seconds=seconds,
        )


def _cause_of_death(code: int | None) -> str:
    if code == LOST:
        return "was given up for dead and stopped itself"
    if code is not None and code < 0:
        return f"was killed by {signal.Signals(-code).name}"
    return f"ended with exit code {code}"
