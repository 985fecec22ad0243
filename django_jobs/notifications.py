"""Waking workers: NOTIFY, throttled, and LISTEN on a connection of its own. Only ever a hint."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection

import psycopg
from django.db import DatabaseError, connections

from django_jobs.conf import options
from django_jobs.pauses import Pauses

logger = logging.getLogger("django_jobs")

CHANNEL = "django_jobs"
#: Where a worker is told, by its id, that jobs of its own were taken away.
SUMMONS = "django_jobs_worker"
#: Seconds in which one process notifies of a queue once: every notifying commit takes a lock on
#: the whole database. A worker that was woken looks again and again for longer than this.
THROTTLE = 0.05

#: Seconds after its last job in which a worker looks again and again: longer than the throttle.
LINGER = 0.2

_notified: dict[tuple[str, str], float] = {}


def notify(queue: str, using: str) -> None:
    """Wake the workers that listen, unless this process has just done so. Never raise."""
    now = time.monotonic()
    last = _notified.get((using, queue))
    if (last is not None and now - last < THROTTLE) or not options().listen:
        return
    _notified[using, queue] = now
    _notify(CHANNEL, queue, using)


def notify_worker(worker: int, using: str) -> None:
    """Tell a worker to look which of its jobs are still its own. Never raise."""
    if options().listen:
        _notify(SUMMONS, str(worker), using)


def _notify(channel: str, payload: str, using: str) -> None:
    try:
        with connections[using].cursor() as cursor:
            cursor.execute("SELECT pg_notify(%s, %s)", (channel, payload))
    except DatabaseError:  # what it tells of is committed; workers find it by polling
        logger.warning("notify.failed channel=%s payload=%s", channel, payload, exc_info=True)


class Listener(threading.Thread):
    """Calls ``wake`` whenever one of ``queues`` (empty: any) is said to have jobs, and ``summon``
    whenever jobs of ``worker`` were taken away.

    On a connection of its own, outside any pool. LISTEN is committed before ``wake`` is called for
    the first time, so that whatever came before it is found by the scan that follows.
    """

    def __init__(
        self,
        wake: Callable[[], None],
        queues: Collection[str],
        using: str,
        *,
        worker: int = 0,
        summon: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(name="job-listener", daemon=True)
        self._wake, self._summon = wake, summon
        self._worker = str(worker)
        self._queues = frozenset(queues)
        self._using = using
        self._stopping = threading.Event()

    def run(self) -> None:
        """Listen until stopped; connect anew, later and later, while the database is away."""
        pauses = Pauses()
        while not self._stopping.is_set():
            try:
                self._listen(pauses)
            except (psycopg.Error, OSError) as error:
                pause = pauses.next()
                logger.warning("listener.lost error=%s retry_in=%.1f", _brief(error), pause)
                self._stopping.wait(pause)

    def stop(self) -> None:
        """Stop listening, within a second."""
        self._stopping.set()

    def _listen(self, pauses: Pauses) -> None:
        with self._connect() as connection:
            connection.execute(f"LISTEN {CHANNEL}; LISTEN {SUMMONS}")
            pauses.reset()
            self._wake()
            while not self._stopping.is_set():
                for notify in connection.notifies(timeout=1.0, stop_after=1):
                    if notify.channel == SUMMONS:
                        if notify.payload == self._worker:
                            self._summon()
                    elif not self._queues or notify.payload in self._queues:
                        self._wake()

    def _connect(self) -> psycopg.Connection:
        parameters = connections[self._using].get_connection_params()
        for key in ("pool", "cursor_factory", "context"):
            parameters.pop(key, None)
        return psycopg.connect(**parameters, autocommit=True)


def _brief(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
