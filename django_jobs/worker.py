"""A worker: claim, run, record, again and again, until it is told to stop."""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Callable, Sequence

from django.db import connections
from django.db.utils import Error

import django_jobs
from django_jobs import engine
from django_jobs.appetite import Appetite
from django_jobs.books import Books
from django_jobs.budget import Budget
from django_jobs.companions import Companions
from django_jobs.conf import options
from django_jobs.execution import Policy
from django_jobs.gauges import FlightRecorder, Gauges
from django_jobs.notifications import LINGER
from django_jobs.orders import Report, WorkerOptions
from django_jobs.outcomes import Claimed, Finished
from django_jobs.pauses import Pauses
from django_jobs.wake import Wake
from django_jobs.workshop import Workshop

logger = logging.getLogger("django_jobs")

#: Seconds between two looks for jobs just after there were some: what a throttled NOTIFY may hide.
FAST_POLL = 0.01
#: Seconds that ended runs may wait to be recorded together while others still wait to run.
COLLECT_WITHIN = 0.02
#: Seconds that a prefetched job may wait for a place before it is given back to other workers.
HOLD = 1.0
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
    ) -> None:
        """``others_idle`` tells whether the workers beside it have nothing to do: a burst is over
        when nobody has.
        """
        self._given = given = given or WorkerOptions()
        self._settings = settings = options()
        self._using = given.using
        self._concurrency = given.concurrency or settings.concurrency
        self._gauges = gauges or Gauges()
        self._budget = budget or Budget.of(given.max_jobs)
        self._others_idle = others_idle
        self._wake = Wake()
        self._name = f"{socket.gethostname()}:{os.getpid()}"
        self._appetite = Appetite(self._concurrency)
        self._books = Books(self._name, self._gauges, settings.retention, self._using)
        self._workshop = Workshop(
            self._concurrency,
            Policy(settings.default_timeout, settings.backoff, settings.backoff_jitter),
            recorder=recorder,
            on_expectant=self._wake.ring,
        )
        self._unrecorded: list[Finished] = []
        self._claimed_at = self._busy_at = time.monotonic()
        self._claim_in_doubt = False
        self._stop_asked = self._kill_asked = False
        #: Why the worker stopped itself, or nothing.
        self.lost = ""

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
        self._register()
        self._companions = companions = Companions(
            self._id, self._given, self._settings,
            wake=self._wake.ring, beat=self._mark_started, lost=self._be_lost,
        )  # fmt: skip
        companions.start()
        try:
            self._work(began)
            self._drain()
        finally:
            companions.stop()
            self._leave()
        return self._report(time.monotonic() - began)

    def _register(self) -> None:
        self._id = engine.register(
            hostname=socket.gethostname(),
            pid=os.getpid(),
            queues=self._given.queues,
            concurrency=self._concurrency,
            version=django_jobs.__version__,
            using=self._using,
        )
        for queue in self._settings.queues:
            engine.ensure_queue(queue, using=self._using)
        self._gauges.worker = self._id
        logger.info(
            "worker.started id=%s name=%s queues=%s concurrency=%s",
            self._id, self._name, ",".join(self._given.queues) or "all", self._concurrency,
        )  # fmt: skip

    # Working --------------------------------------------------------------------------------

    def _work(self, began: float) -> None:
        limit = self._given.max_seconds
        until = float("inf") if limit is None else began + limit
        pauses = Pauses()
        while not self._stop_asked and not self.lost:
            left = until - time.monotonic()
            if left <= 0 or (self._budget.is_spent and not self._workshop.owned):
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
        if self._claim_in_doubt:
            self._disown()
        self._record()
        if time.monotonic() - self._claimed_at > HOLD and self._give_back_waiting():
            # They waited behind jobs longer than expected.
            self._appetite.forget()
        claimed = self._claim()
        owned = len(self._workshop.owned)
        self._gauges.running = owned
        self._gauges.is_idle = is_idle = not claimed and not owned
        return is_idle

    def _is_over(self) -> bool:
        """Return whether a burst has nothing left to do, here or with the other workers."""
        if not self._given.burst or not self._others_idle():
            return False
        engine.promote(using=self._using)
        return not self._claim() and self._others_idle()

    def _patience(self) -> float:
        """Return for how many seconds to wait when nothing rings."""
        owned = len(self._workshop.owned)
        if owned > self._concurrency:
            return COLLECT_WITHIN
        if time.monotonic() - self._busy_at < LINGER or (self._given.burst and not owned):
            return FAST_POLL
        return self._settings.poll_interval

    def _endure(self, error: Error, pause: float) -> None:
        """Wait out an outage of the database; orders are still heard."""
        message = " ".join(str(error).split())
        logger.warning("database.unavailable error=%s retry_in=%.1f", message, pause)
        connections[self._using].close()
        until = time.monotonic() + pause
        while not self._stop_asked and not self.lost and time.monotonic() < until:
            self._wake.wait(until - time.monotonic())

    # Claiming and giving back ---------------------------------------------------------------

    def _claim(self) -> int:
        owned = len(self._workshop.owned)
        # A worker that was stopped for long and wakes must not claim before its heart has noticed.
        wanted = 0 if self._companions.is_late else self._appetite.limit(owned)
        granted = self._budget.take(wanted) if wanted else 0
        if not granted:
            return 0
        jobs: list[Claimed] = []
        starting = granted <= self._concurrency - owned
        # Whatever happens on the way back, the database may have made jobs ours.
        self._claim_in_doubt = True
        try:
            jobs = engine.claim(
                self._id, self._given.queues, granted, starting=starting, using=self._using
            )
        finally:
            self._budget.give_back(granted - len(jobs))
        self._claim_in_doubt = False
        if jobs:
            self._gauges.is_idle = 0
            self._claimed_at = self._busy_at = time.monotonic()
            self._workshop.submit(jobs)
        return len(jobs)

    def _disown(self) -> None:
        engine.disown(self._id, list(self._workshop.owned), using=self._using)
        self._claim_in_doubt = False

    def _give_back_waiting(self) -> int:
        waiting = self._workshop.withdraw()
        self._release(waiting)
        return len(waiting)

    def _release(self, jobs: Sequence[Claimed]) -> None:
        if not jobs:
            return
        self._workshop.forget(job.id for job in jobs)
        self._budget.give_back(len(jobs))
        # What cannot be released now is still ours in the database, and unknown here.
        self._claim_in_doubt = True
        engine.release(jobs, using=self._using)
        self._claim_in_doubt = False
        logger.info("jobs.released count=%s", len(jobs))

    def _record(self) -> None:
        # Kept until the database has them: an outage must not cost an outcome.
        self._unrecorded += self._workshop.collect()
        if not self._unrecorded:
            return
        self._busy_at = time.monotonic()
        self._books.record(self._unrecorded)
        self._appetite.learn(self._unrecorded)
        self._workshop.forget(ended.job.id for ended in self._unrecorded)
        self._unrecorded = []

    def _mark_started(self) -> None:
        engine.mark_started(self._workshop.running_longer_than(HOLD), using=self._using)

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
                    self._give_back_waiting()
                self._record()
            except Error as error:
                pause = pauses.next()
                logger.warning("database.unavailable error=%s", " ".join(str(error).split()))
                connections[self._using].close()
            left = deadline - time.monotonic()
            if not self._workshop.owned or left <= 0:
                return
            self._wake.wait(min(left, pause))

    def _leave(self) -> None:
        """Stop everything, give back what has not ended, and forget the worker."""
        self._workshop.stop()
        try:
            if not self.lost:
                self._record()
                self._release(list(self._workshop.owned.values()))
                self._disown()
                engine.deregister(self._id, using=self._using)
        except Error as error:
            # Whoever finds the worker's heartbeat old rescues its jobs.
            logger.warning("worker.left_in_disorder id=%s error=%s", self._id, error)
        finally:
            if not self._had_connection:
                connections[self._using].close()
        self._gauges.running = 0

    def _report(self, seconds: float) -> Report:
        gauges = self._gauges
        logger.info(
            "worker.stopped id=%s name=%s processed=%s succeeded=%s retried=%s failed=%s",
            self._id, self._name, gauges.processed, gauges.succeeded, gauges.retried,
            gauges.failed,
        )  # fmt: skip
        return Report(gauges.processed, gauges.succeeded, gauges.retried, gauges.failed, seconds)
