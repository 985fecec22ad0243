"""A worker: claim, run, record, again and again, until it is told to stop."""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from django.db import connections
from django.db.utils import DataError, Error

import django_jobs
from django_jobs import engine
from django_jobs.appetite import Appetite
from django_jobs.budget import Budget
from django_jobs.conf import Options, options
from django_jobs.exceptions import UnknownJob
from django_jobs.execution import Policy
from django_jobs.executors import EXECUTORS, Executor
from django_jobs.faults import fault_of
from django_jobs.gauges import FlightRecorder, Gauges
from django_jobs.heart import Heart
from django_jobs.notifications import LINGER, Listener
from django_jobs.orders import Report, WorkerOptions
from django_jobs.outcomes import Claimed, Failed, Finished, Succeeded
from django_jobs.pauses import Pauses
from django_jobs.registry import resolve
from django_jobs.services import Promoter, Pruner, Rescuer, Services
from django_jobs.wake import Wake

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
        self._given = given = given or WorkerOptions()
        self._settings: Options = options()
        self._using = given.using
        self._concurrency = given.concurrency or self._settings.concurrency
        self._gauges = gauges or Gauges()
        self._recorder = recorder
        self._budget = budget or Budget.of(given.max_jobs)
        self._others_idle = others_idle
        self._appetite = Appetite(self._concurrency)
        self._wake = Wake()
        self._name = f"{socket.gethostname()}:{os.getpid()}"
        self._policy = Policy(
            self._settings.default_timeout, self._settings.backoff, self._settings.backoff_jitter
        )
        self._executors: dict[str, Executor] = {}
        self._executor_of: dict[str, Executor] = {}
        self._owned: dict[int, Claimed] = {}
        self._begun: dict[int, float] = {}
        self._unrecorded: list[Finished] = []
        self._claimed_at = self._busy_at = time.monotonic()
        self._claim_in_doubt = False
        self._stop_asked = self._kill_asked = False
        self._lost = ""

    # Orders ---------------------------------------------------------------------------------

    def stop(self) -> None:
        """Claim nothing more, let running jobs end within the shutdown timeout, then return."""
        self._stop_asked = True
        self._wake.ring()

    def kill(self) -> None:
        """Give running jobs back and return at once."""
        self._kill_asked = True
        self.stop()

    # The life of a worker -------------------------------------------------------------------

    def run(self) -> Report:
        """Work until told to stop, and return what was done."""
        began = time.monotonic()
        self._register()
        threads: list[Heart | Services | Listener] = [self._heart(), self._services()]
        if self._settings.listen:
            threads.append(Listener(self._wake.ring, self._given.queues, self._using))
        for thread in threads:
            thread.start()
        try:
            self._work(began)
            self._drain()
        finally:
            for thread in threads:
                thread.stop()
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
        self._gauges.worker = self._id
        logger.info(
            "worker.started id=%s name=%s queues=%s concurrency=%s",
            self._id, self._name, ",".join(self._given.queues) or "all", self._concurrency,
        )  # fmt: skip

    def _heart(self) -> Heart:
        return Heart(
            self._id,
            interval=self._settings.heartbeat_interval,
            timeout=self._settings.heartbeat_timeout,
            beat=self._mark_started,
            lost=self._be_lost,
            using=self._using,
        )

    def _services(self) -> Services:
        settings, wake = self._settings, self._wake.ring
        return Services(
            [
                Promoter(settings.poll_interval, self._using, wake),
                Rescuer(
                    settings.heartbeat_interval,
                    self._using,
                    timeout=settings.heartbeat_timeout,
                    failed_retention=settings.retention["failed"],
                    wake=wake,
                ),
                Pruner(settings.prune_interval, self._using),
            ]
        )

    def _work(self, began: float) -> None:
        seconds = self._given.max_seconds
        until = float("inf") if seconds is None else began + seconds
        pauses = Pauses()
        while not self._stop_asked and not self._lost:
            left = until - time.monotonic()
            if left <= 0 or (self._budget.is_spent and not self._owned):
                return
            try:
                if self._turn() and self._is_done():
                    return
                pauses.reset()
            except Error as error:
                self._endure(error, pauses)
                continue
            self._wake.wait(min(left, self._patience()))

    def _turn(self) -> bool:
        """Record, claim, and return whether there was nothing to do."""
        if self._claim_in_doubt:
            self._disown()
        self._record()
        self._give_back_stale()
        claimed = self._claim()
        self._gauges.running = len(self._owned)
        self._gauges.is_idle = is_idle = not claimed and not self._owned
        return is_idle

    def _is_done(self) -> bool:
        """Return whether a burst is over: nothing due, here or with the other workers."""
        if not self._given.burst or not self._others_idle():
            return False
        engine.promote(using=self._using)
        return not self._claim() and self._others_idle()

    def _patience(self) -> float:
        """Return for how many seconds to wait when nothing rings."""
        if len(self._owned) > self._concurrency:
            return COLLECT_WITHIN
        if not self._owned and self._given.burst:
            return FAST_POLL
        if time.monotonic() - self._busy_at < LINGER:
            return FAST_POLL
        return self._settings.poll_interval

    def _endure(self, error: Error, pauses: Pauses) -> None:
        pause = pauses.next()
        logger.warning(
            "database.unavailable error=%s retry_in=%.1f", " ".join(str(error).split()), pause
        )
        connections[self._using].close()
        deadline = time.monotonic() + pause
        while not self._stop_asked and not self._lost and time.monotonic() < deadline:
            self._wake.wait(deadline - time.monotonic())

    # Claiming -------------------------------------------------------------------------------

    def _claim(self) -> int:
        wanted = self._appetite.limit(len(self._owned))
        granted = self._budget.take(wanted) if wanted else 0
        if not granted:
            return 0
        jobs: list[Claimed] = []
        # Whatever happens on the way back, the database may have made jobs ours.
        self._claim_in_doubt = True
        try:
            jobs = engine.claim(
                self._id,
                self._given.queues,
                granted,
                starting=granted <= self._concurrency - len(self._owned),
                using=self._using,
            )
        finally:
            self._budget.give_back(granted - len(jobs))
        self._claim_in_doubt = False
        if jobs:
            self._gauges.is_idle = 0
            self._submit(jobs)
        return len(jobs)

    def _submit(self, jobs: Sequence[Claimed]) -> None:
        self._claimed_at = self._busy_at = time.monotonic()
        self._owned.update((job.id, job) for job in jobs)
        if self._recorder is not None:
            self._recorder.expect(job.id for job in jobs)
        shares: dict[Executor, list[Claimed]] = {}
        for job in jobs:
            executor = self._executor_of.get(job.name) or self._executor_for(job.name)
            shares.setdefault(executor, []).append(job)
        for executor, share in shares.items():
            executor.submit(share)

    def _executor_for(self, name: str) -> Executor:
        try:
            kind = resolve(name).executor.name
        except UnknownJob:
            # Any executor parks it; and it is asked for anew each time, until it is known.
            return self._executor("thread")
        return self._executor_of.setdefault(name, self._executor(kind))

    def _executor(self, kind: str) -> Executor:
        if kind not in self._executors:
            self._executors[kind] = EXECUTORS[kind](
                self._concurrency, self._policy, on_start=self._begin, on_idle=self._wake.ring
            )
        return self._executors[kind]

    def _begin(self, job: Claimed) -> None:
        self._begun[job.id] = time.monotonic()
        if self._recorder is not None:
            self._recorder.begin(job.id)

    def _disown(self) -> None:
        engine.disown(self._id, list(self._owned), using=self._using)
        self._claim_in_doubt = False

    # Recording ------------------------------------------------------------------------------

    def _record(self) -> None:
        for executor in self._executors.values():
            self._unrecorded += executor.collect()
        if not self._unrecorded:
            return
        self._busy_at = time.monotonic()
        finished = self._unrecorded
        lost = self._finish(finished)
        self._unrecorded = []
        self._forget(ended.job.id for ended in finished)
        self._appetite.learn(finished)
        self._count(finished)
        for ended in finished:
            if ended.job.id in lost:
                logger.warning("job.lost id=%s name=%s", ended.job.id, ended.job.name)
            elif type(ended.outcome) is Succeeded and logger.isEnabledFor(logging.INFO):
                logger.info(
                    "job.succeeded id=%s name=%s attempt=%s duration=%.3f",
                    ended.job.id, ended.job.name, ended.job.attempts, ended.elapsed,
                )  # fmt: skip

    def _finish(self, finished: Sequence[Finished]) -> set[int]:
        finish = partial(
            engine.finish,
            worker=self._name,
            retention=self._settings.retention,
            using=self._using,
        )
        try:
            return finish(finished)
        except DataError as error:
            # The database refuses what one of them holds: that one fails, its neighbours do not.
            if len(finished) > 1:
                return set().union(*(self._finish([ended]) for ended in finished))
            (ended,) = finished
            return finish([ended._replace(outcome=Failed(fault_of(error)))])

    def _count(self, finished: Iterable[Finished]) -> None:
        gauges = self._gauges
        for ended in finished:
            gauges.processed += 1
            match ended.outcome:
                case Succeeded():
                    gauges.succeeded += 1
                case Failed(delay=None):
                    gauges.failed += 1
                case Failed():
                    gauges.retried += 1

    def _forget(self, ids: Iterable[int]) -> None:
        ids = list(ids)
        for job in ids:
            self._owned.pop(job, None)
            self._begun.pop(job, None)
        if self._recorder is not None:
            self._recorder.forget(ids)

    def _mark_started(self) -> None:
        now = time.monotonic()
        started = []
        for job, began in list(self._begun.items()):
            claimed = self._owned.get(job)
            if claimed is not None and now - began > HOLD:
                started.append((job, claimed.claims, now - began))
        engine.mark_started(started, using=self._using)

    # Giving back ----------------------------------------------------------------------------

    def _give_back_stale(self) -> None:
        """Give prefetched jobs back that have waited too long behind jobs longer than expected."""
        if time.monotonic() - self._claimed_at < HOLD:
            return
        if self._withdraw():
            self._appetite.forget()

    def _withdraw(self) -> int:
        waiting = [job for executor in self._executors.values() for job in executor.withdraw()]
        self._release(waiting)
        return len(waiting)

    def _release(self, jobs: Sequence[Claimed]) -> None:
        if not jobs:
            return
        self._forget(job.id for job in jobs)
        self._budget.give_back(len(jobs))
        # What cannot be released now is still ours in the database, and unknown here.
        self._claim_in_doubt = True
        engine.release(jobs, using=self._using)
        self._claim_in_doubt = False
        logger.info("jobs.released count=%s", len(jobs))

    def _drain(self) -> None:
        """Let running jobs end in time; give back what has not begun and what does not end."""
        allowed = self._given.shutdown_timeout
        allowed = self._settings.shutdown_timeout if allowed is None else allowed
        deadline = time.monotonic() + (LAST_WORDS if self._lost else allowed)
        pauses = Pauses()
        if self._lost:
            for executor in self._executors.values():
                executor.stop()
        while not self._kill_asked:
            try:
                if not self._lost:
                    self._withdraw()
                self._record()
            except Error as error:
                self._endure_briefly(error, pauses, deadline)
            left = deadline - time.monotonic()
            if not self._owned or left <= 0:
                return
            self._wake.wait(min(left, COLLECT_WITHIN if self._unrecorded else 0.25))

    def _endure_briefly(self, error: Error, pauses: Pauses, deadline: float) -> None:
        logger.warning("database.unavailable error=%s", " ".join(str(error).split()))
        connections[self._using].close()
        self._wake.wait(min(pauses.next(), max(0.0, deadline - time.monotonic())))

    def _leave(self) -> None:
        """Stop everything, give back what is left, and forget the worker."""
        for executor in self._executors.values():
            executor.stop()
        try:
            if not self._lost:
                self._record()
                if self._owned:
                    self._release(list(self._owned.values()))
                self._disown()
                engine.deregister(self._id, using=self._using)
        except Error as error:
            # Whoever finds the worker's heartbeat old rescues its jobs.
            logger.warning("worker.left_in_disorder id=%s error=%s", self._id, error)
        finally:
            connections[self._using].close()
        self._gauges.running = 0

    def _be_lost(self, reason: str) -> None:
        logger.error("worker.lost id=%s name=%s reason=%s", self._id, self._name, reason)
        self._lost = reason
        self._wake.ring()

    @property
    def lost(self) -> str:
        """Return why the worker stopped itself, or nothing."""
        return self._lost

    def _report(self, seconds: float) -> Report:
        gauges = self._gauges
        logger.info(
            "worker.stopped id=%s name=%s processed=%s succeeded=%s retried=%s failed=%s",
            self._id, self._name, gauges.processed, gauges.succeeded, gauges.retried,
            gauges.failed,
        )  # fmt: skip
        return Report(gauges.processed, gauges.succeeded, gauges.retried, gauges.failed, seconds)
