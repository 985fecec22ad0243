"""A worker: claim, run, record, again and again, until it is told to stop."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from django.db import connections
from django.db.utils import Error

from django_jobs import engine
from django_jobs.conf import options
from django_jobs.judgement import Policy
from django_jobs.notifications import LINGER
from django_jobs.orders import Report, WorkerOptions
from django_jobs.outcomes import Finished
from django_jobs.pauses import Pauses
from django_jobs.recorder import FlightRecorder
from django_jobs.services import Historian, Reporter, Scheduler
from django_jobs.worker.appetite import most_owned
from django_jobs.worker.books import Books
from django_jobs.worker.budget import Budget
from django_jobs.worker.companions import Companions
from django_jobs.worker.conduct import Conduct
from django_jobs.worker.gauges import Gauges
from django_jobs.worker.herald import Herald
from django_jobs.worker.intake import HOLD, Intake
from django_jobs.worker.overdue import Overdue
from django_jobs.worker.recycling import Wear
from django_jobs.worker.registration import Registration
from django_jobs.worker.wake import Wake
from django_jobs.worker.workshop import Workshop

logger = logging.getLogger("django_jobs")

#: Seconds between two looks for jobs just after there were some: what a throttled NOTIFY may hide.
FAST_POLL = 0.01
#: Seconds that ended runs may wait to be recorded together while others still wait to run.
COLLECT_WITHIN = 0.02
#: Seconds that jobs are heard after the worker was given up for dead.
LAST_WORDS = 1.0


class Worker:
    """One worker in this process. ``run()`` returns when it is told to stop, or has nothing left.

    ``stop()`` and ``kill()`` may be called from any thread and from signal handlers.
    """

    def __init__(
        self,
        given: WorkerOptions | None = None,
        *,
        gauges: Gauges | None = None,
        recorder: FlightRecorder | None = None,
        budget: Budget | None = None,
        others_idle: Callable[[], bool] = lambda: True,
        initialize: Callable[[], None] | None = None,
    ) -> None:
        """``others_idle`` tells whether the workers beside it have nothing to do: a burst is over
        when nobody has. ``initialize`` is called in the processes that it starts for jobs.
        """
        self._given = given = given or WorkerOptions()
        self._settings = settings = options()
        self._using = given.using
        self._concurrency = given.concurrency or settings.concurrency
        self._gauges = gauges or Gauges()
        self._budget = budget or Budget.of(given.max_jobs)
        self._others_idle = others_idle
        self._wake = Wake()
        self._registration = Registration(given, settings, self._concurrency, self._gauges)
        self._name = self._registration.name
        self._herald = Herald(self._using)
        self._books = Books(self._name, self._gauges, self._herald, settings.retention, self._using)
        self._workshop = Workshop(
            self._concurrency,
            settings,
            Policy.of(settings, self._name, self._using),
            recorder=recorder or FlightRecorder.shared(most_owned(self._concurrency)),
            on_expectant=self._wake.ring,
            on_begun=self._herald.begun,
            initialize=initialize,
        )
        self._unrecorded: list[Finished] = []
        self._busy_at = time.monotonic()
        self._stop_asked = self._kill_asked = False
        self._overdue = Overdue(self._workshop)
        #: Why the worker stopped itself, or nothing: given up for dead, or to be replaced.
        self.lost = self.recycled = ""

    def stop(self) -> None:
        """Claim nothing more, let running jobs end within the shutdown timeout, then return."""
        self._stop_asked = True
        self._wake.ring()

    def kill(self) -> None:
        """Give running jobs back and return at once."""
        self._kill_asked = True
        self.stop()

    def run(self) -> Report:
        """Work until told to stop, and return what was done."""
        began = time.monotonic()
        self._had_connection = connections[self._using].connection is not None
        self._registration.enter()
        self._id = self._registration.id
        self._wear = Wear(self._settings, self._gauges)
        self._reporter = Reporter(self._workshop.notebook, self._using)
        self._historian = Historian(self._books.chronicle, self._using)
        self._conduct = Conduct(self._name, stop=self.stop, wake=self._wake.ring)
        self._companions = companions = Companions(
            self._id, self._given, self._settings,
            conduct=self._conduct, reporter=self._reporter, historian=self._historian,
            wake=self._wake.ring,
            beat=self._tend, lost=self._be_lost,
        )  # fmt: skip
        self._intake = Intake(
            self._id, self._given, self._concurrency, self._workshop, self._budget,
            # A worker that was stopped for long and wakes must not claim before its heart notices.
            may_claim=lambda: self._conduct.may_claim and not companions.is_late,
        )  # fmt: skip
        companions.start()
        try:
            self._work(began)
            self._drain()
        finally:
            companions.stop()
            self._leave()
        return self._report(time.monotonic() - began)

    # Working --------------------------------------------------------------------------------

    def _work(self, began: float) -> None:
        limit = self._given.max_seconds
        until = float("inf") if limit is None else began + limit
        pauses = Pauses()
        while not self._stop_asked and not self.lost:
            left = until - time.monotonic()
            if left <= 0 or self._intake.is_over or self._is_worn():
                return
            try:
                if self._turn() and self._is_over():
                    return
                pauses.reset()
            except Error as error:
                self._endure(error, pauses.next())
                continue
            self._wake.wait(min(left, self._patience()))

    def _turn(self) -> bool:
        """Record, claim, and return whether there was nothing to do."""
        self._intake.settle_doubt()
        if self._conduct.take_up():
            self._intake.give_back_waiting()
            self._companions.report()
        self._collect()
        self._intake.give_back_stale()
        if self._intake.waits_for_records:
            self._record()
        # Else before what has ended is recorded: places are idle, and nobody waits for the record.
        claimed = self._claim()
        self._record()
        owned = len(self._workshop.owned)
        self._gauges.running = owned
        self._gauges.is_idle = is_idle = not claimed and not owned
        return is_idle

    def _is_worn(self) -> bool:
        """Return whether another process should take over, and say why."""
        self.recycled = self._wear.reason() or self._overdue.reason()
        if self.recycled:
            logger.warning("worker.recycled id=%s reason=%s", self._id, self.recycled)
        return bool(self.recycled)

    def _is_over(self) -> bool:
        """Return whether a burst has nothing left to do, here or with the other workers."""
        if not (self._given.burst and self._conduct.may_claim and self._others_idle()):
            return False
        engine.promote(using=self._using)
        engine.settle(retention=self._settings.retention, using=self._using)
        if not engine.is_settled(using=self._using):
            return False  # somebody else is about to make what waited for it ready
        scheduler = Scheduler(0.0, self._using, self._wake.ring)
        scheduler.run_once()
        return not self._claim() and not scheduler.is_contended and self._others_idle()

    def _claim(self) -> int:
        claimed = self._intake.claim()
        if claimed:
            self._gauges.is_idle = 0
            self._busy_at = time.monotonic()
        return claimed

    def _patience(self) -> float:
        """Return for how many seconds to wait when nothing rings."""
        owned = len(self._workshop.owned)
        if owned > self._concurrency:
            return COLLECT_WITHIN
        if time.monotonic() - self._busy_at < LINGER or (self._given.burst and not owned):
            return FAST_POLL
        again_in = self._intake.again_in
        poll = self._settings.poll_interval
        return poll if again_in is None else min(poll, max(again_in, 0.0))

    def _endure(self, error: Error, pause: float) -> None:
        """Wait out an outage of the database; orders are still heard."""
        message = " ".join(str(error).split())
        logger.warning("database.unavailable error=%s retry_in=%.1f", message, pause)
        connections[self._using].close()
        until = time.monotonic() + pause
        while not self._stop_asked and not self.lost and time.monotonic() < until:
            self._wake.wait(until - time.monotonic())

    # Recording and leaving -----------------------------------------------------------------

    def _collect(self) -> None:
        # Kept until the database has them: an outage must not cost an outcome.
        ended = self._workshop.collect()
        if ended:
            self._unrecorded += ended
            self._intake.learn(ended)
            self._intake.ended = [one.job for one in self._unrecorded]

    def _record(self) -> None:
        self._collect()
        if not self._unrecorded:
            return
        self._busy_at = time.monotonic()
        if self._workshop.notebook:
            # Before the end is written: whoever waits for that finds the last word there.
            self._reporter.run_once()
        self._books.record(self._unrecorded)
        self._workshop.forget(ended.job.id for ended in self._unrecorded)
        self._unrecorded, self._intake.ended = [], []

    def _tend(self) -> None:
        """Do, in the heart's thread, what is to be done at each beat."""
        self._gauges.beats += 1
        engine.mark_started(self._workshop.running_longer_than(HOLD), using=self._using)
        # Those that were cancelled, or rescued while we were away.
        owned = list(self._workshop.owned.values())
        self._workshop.lose(engine.lost(owned, using=self._using))

    def _be_lost(self, reason: str) -> None:
        logger.error("worker.lost id=%s name=%s reason=%s", self._id, self._name, reason)
        self.lost = reason
        self._wake.ring()

    def _drain(self) -> None:
        """Let running jobs end in time; give back what has not begun."""
        allowed = self._given.shutdown_timeout
        allowed = self._settings.shutdown_timeout if allowed is None else allowed
        deadline = time.monotonic() + (LAST_WORDS if self.lost else allowed)
        if self.lost:
            self._workshop.stop()
        pauses = Pauses()
        while not self._kill_asked:
            pause = 0.25
            try:
                if not self.lost:
                    self._intake.give_back_waiting()
                self._record()
            except Error as error:
                pause = pauses.next()
                logger.warning("database.unavailable error=%s", " ".join(str(error).split()))
                connections[self._using].close()
            left = deadline - time.monotonic()
            if self._overdue.is_all_that_is_left or left <= 0:
                return
            self._wake.wait(min(left, pause))

    def _leave(self) -> None:
        """Stop everything, give back what has not ended, and forget the worker."""
        self._workshop.stop()
        try:
            if not self.lost:
                self._record()
                self._fail_overdue()
                self._intake.release(list(self._workshop.owned.values()))
                self._intake.disown()
                self._registration.delete()
                self._historian.write()
        except Error as error:
            # Whoever finds the worker's heartbeat old rescues its jobs.
            logger.warning("worker.left_in_disorder id=%s error=%s", self._id, error)
        finally:
            self._herald.close()
            self._registration.leave()
            if not self._had_connection:
                connections[self._using].close()

    def _fail_overdue(self) -> None:
        """Let the attempts of jobs that nobody can stop fail: they end with this process."""
        self._unrecorded += self._overdue.condemned()
        self._record()

    def _report(self, seconds: float) -> Report:
        gauges = self._gauges
        return Report(gauges.processed, gauges.succeeded, gauges.retried, gauges.failed, seconds)
