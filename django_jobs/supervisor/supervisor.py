"""The parent of several workers: it starts them, replaces the dead, and passes signals on."""

from __future__ import annotations

import logging
import signal
import time
from collections.abc import Callable, Sequence
from multiprocessing import connection
from types import FrameType

from django_jobs.conf import options
from django_jobs.exceptions import WorkerCannotStart
from django_jobs.logs import LogStyle
from django_jobs.orders import Report, WorkerOptions
from django_jobs.recorder import CONTEXT, FlightRecorder
from django_jobs.supervisor import orphans
from django_jobs.supervisor.child import STOP, STOP_AT_ONCE, Post
from django_jobs.supervisor.health import Vital
from django_jobs.supervisor.place import Place
from django_jobs.supervisor.reloading import Watcher
from django_jobs.supervisor.salvage import Salvage
from django_jobs.worker.appetite import most_owned
from django_jobs.worker.budget import Budget
from django_jobs.worker.gauges import Gauges

logger = logging.getLogger("django_jobs")

#: Seconds between two looks at the children.
TICK = 0.1
#: Processes in one place that may die in a row without having begun to work.
FALSE_STARTS = 5


class Supervisor:
    """Runs ``processes`` workers until told to stop, or until a burst is over."""

    def __init__(
        self,
        given: WorkerOptions,
        processes: int,
        *,
        log_style: LogStyle,
        on_tick: Callable[[Sequence[Gauges]], None] = lambda gauges: None,
        watcher: Watcher | None = None,
    ) -> None:
        """``on_tick`` is called several times a second with what the workers tell of themselves.

        With a ``watcher`` all workers are replaced when it finds that files have changed.
        """
        self._given = given
        self._settings = settings = options()
        self._log_style = log_style
        self._on_tick = on_tick
        self._watcher = watcher
        self._budget = None if given.max_jobs is None else CONTEXT.Value("q", given.max_jobs)
        self._salvage = Salvage(given, settings, Budget(self._budget))
        jobs = most_owned(given.concurrency or settings.concurrency)
        self._places = [Place.vacant(jobs) for _ in range(processes)]
        timeout = given.shutdown_timeout
        self._shutdown_timeout = settings.shutdown_timeout if timeout is None else timeout
        self._order = CONTEXT.RawValue("i", 0)
        self._stop_signals: tuple[signal.Signals, ...] = ()
        self._signals = self._passed_on = self._ticks = 0
        self._until = float("inf")
        self._adopts = orphans.are_adopted()

    def run(self, signals: Sequence[signal.Signals] = (signal.SIGINT, signal.SIGTERM)) -> Report:
        """Run the workers until one of ``signals`` comes, and return what they did together."""
        began = time.monotonic()
        if self._given.max_seconds is not None:
            self._until = began + self._given.max_seconds
        if self._watcher is not None:
            self._watcher.start()
        self._stop_signals = tuple(signals)
        former = {number: signal.signal(number, self._hear) for number in signals}
        try:
            while not self._is_over:
                self._tick()
        finally:
            self._leave()
            for number, handler in former.items():
                signal.signal(number, handler)
        self._on_tick(self._gauges)
        return self._report(time.monotonic() - began)

    def vitals(self) -> list[Vital]:
        """Return what is seen of this process and of its workers; may be called from any thread."""
        return [
            Vital("supervisor", self._ticks, is_over=self._is_over),
            *[place.vital() for place in self._places],
        ]

    def _hear(self, signum: int, frame: FrameType | None) -> None:
        self._signals += 1

    @property
    def _gauges(self) -> list[Gauges]:
        return [place.gauges for place in self._places]

    @property
    def _is_over(self) -> bool:
        return all(place.is_over for place in self._places)

    @property
    def _is_stopping(self) -> bool:
        return self._signals > 0 or time.monotonic() >= self._until

    def _tick(self) -> None:
        self._ticks += 1
        self._reload()
        for place in self._places:
            self._attend(place)
        self._pass_signals_on()
        self._on_tick(self._gauges)
        if self._adopts:
            orphans.reap()
        # Those of the dead would end every wait at once.
        living = [place.process for place in self._places if place.process and place.is_alive]
        sentinels = [process.sentinel for process in living]
        if sentinels:
            connection.wait(sentinels, timeout=TICK)
        elif not self._is_over:
            time.sleep(TICK)

    def _attend(self, place: Place) -> None:
        """Bury the process of one place if it has ended, and start another if one is due."""
        has_ended = place.process is not None and not place.is_alive
        if has_ended and (self._is_stopping or time.monotonic() >= place.due):
            self._bury(place)
        if place.process is None and not place.is_over:
            if self._is_stopping:
                place.close()
            elif time.monotonic() >= place.due:
                self._start(place)

    def _start(self, place: Place) -> None:
        place.recorder = FlightRecorder.shared(place.recorder.places)
        place.fill(
            Post(
                options=self._given,
                gauges=place.gauges,
                recorder=place.recorder,
                siblings=[gauges for gauges in self._gauges if gauges is not place.gauges],
                order=self._order,
                budget=self._budget,
                log_style=self._log_style,
                stop_signals=self._stop_signals,
            )
        )

    def _bury(self, place: Place) -> None:
        """Rescue what a dead worker has left, and decide whether another takes its place."""
        if place.is_finished:
            place.close()
        elif place.left_in_order:
            place.vacate()
        elif not place.gauges.worker:
            self._note_false_start(place)
        else:
            place.ailment = f"its process {place.cause_of_death()}"
            if self._salvage.rescue(place):
                place.false_starts = 0
                place.vacate()
            elif self._is_stopping:
                place.close()  # whoever next finds the worker silent for too long rescues it
            else:
                place.due = time.monotonic() + place.pauses.next()

    def _note_false_start(self, place: Place) -> None:
        cause = place.cause_of_death()
        place.ailment = f"its process {cause} before it had begun to work"
        place.false_starts += 1
        place.vacate()
        if self._watcher is not None:
            place.due = float("inf")
            logger.error("worker.not_started cause=%r next='when a file changes'", cause)
        elif place.false_starts >= FALSE_STARTS:
            raise WorkerCannotStart(FALSE_STARTS, cause)

    def _reload(self) -> None:
        """Replace all workers if files have changed."""
        files = self._watcher.changed() if self._watcher is not None else []
        if not files or self._is_stopping:
            return
        logger.info("supervisor.reloading files=%s", ",".join(files))
        for place in self._places:
            place.due = 0.0
            place.pauses.reset()
            if not place.is_leaving:
                place.dismiss(self._shutdown_timeout)

    def _pass_signals_on(self) -> None:
        wanted = max(self._signals, int(self._is_stopping))
        if wanted > self._passed_on:
            self._passed_on = wanted
            self._order.value = STOP if wanted == 1 else STOP_AT_ONCE
            logger.info("supervisor.stopping at_once=%s", wanted > 1)
            for place in self._places:
                place.dismiss(self._shutdown_timeout if wanted == 1 else 0.0)
        for place in self._places:
            place.kill_if_late()

    def _leave(self) -> None:
        """Stop what still runs: an error has ended the command, and jobs are given back at once."""
        self._order.value = STOP_AT_ONCE
        for place in self._places:
            place.dismiss(0.0)
        for place in self._places:
            place.await_end()

    def _report(self, seconds: float) -> Report:
        gauges = self._gauges
        return Report(
            processed=sum(one.processed for one in gauges),
            succeeded=sum(one.succeeded for one in gauges),
            retried=sum(one.retried for one in gauges),
            failed=sum(one.failed for one in gauges),
            seconds=seconds,
        )
