"""What goes on inside of a process that runs jobs."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Collection, Mapping
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, NamedTuple

from django_jobs.conf import options
from django_jobs.execution import perform
from django_jobs.executors.guard import Guard
from django_jobs.housekeeping import clean_connections_after, expect_jobs, refresh_connections
from django_jobs.judgement import Policy
from django_jobs.notebook import Notebook, Notes
from django_jobs.outcomes import Claimed, Finished, Succeeded

if TYPE_CHECKING:
    from django_jobs.spawned import Post

#: Seconds that outcomes of short jobs may wait to be sent together.
GATHER = 0.005
#: Seconds between two looks of the reading thread at what waits to be sent.
LOOK = 0.2


class Dealt(NamedTuple):
    """A job, and where the flight recorder notes it; -1 for nowhere."""

    job: Claimed
    place: int


class News(NamedTuple):
    """What a process tells its parent."""

    finished: list[Finished]
    notes: list[Notes]
    #: Jobs that were taken back before they began.
    revoked: list[int]


class Inside:
    """Runs jobs one after the other in the main thread, where signals arrive; another thread reads.

    Of all that has ended only runs that returned nothing may still be here when the process is
    killed, and these are in the flight recorder.
    """

    def __init__(self, post: Post) -> None:
        self._pipe, self._cells, self._asked = post.pipe, post.cells, post.asked
        self._policy = Policy.of(options(), post.worker, post.using)
        self._guard = Guard(self._policy, post.asked)
        self._jobs: SimpleQueue[Dealt] = SimpleQueue()
        self._notebook = Notebook()
        self._sending = threading.Lock()
        self._ended: list[Finished] = []
        self._sent_at = 0.0

    def run(self) -> None:
        """Run what is dealt until the parent hangs up."""
        threading.Thread(target=self._read, name="job-reader", daemon=True).start()
        expect_jobs()
        self._send()  # it is ready
        while True:
            since = time.monotonic()
            dealt = self._jobs.get()
            refresh_connections(time.monotonic() - since)
            self._run(*dealt)

    # What a running job asks and tells: execution's Desk -------------------------------------

    def note(
        self, job: Claimed, *, progress: Mapping[str, Any] | None = None, line: Any = None
    ) -> None:
        """Take in what a job tells; it is sent within a moment."""
        self._notebook.add([Notes(job, progress, [] if line is None else [line])])

    def is_cancelled(self, job: Claimed) -> bool:
        """Return whether the parent wants the job stopped."""
        return bool(self._asked.value == job.id)

    # -----------------------------------------------------------------------------------------

    def _run(self, job: Claimed, place: int) -> None:
        if place >= 0:
            self._cells[place] = job.id
        finished = perform(job, self._policy, self, self._guard)
        clean_connections_after(job.id)
        is_plain = type(finished.outcome) is Succeeded and finished.outcome.result is None
        if place >= 0 and is_plain:
            self._cells[place] = -job.id
        with self._sending:
            self._ended.append(finished)
        if not is_plain or place < 0 or self._jobs.empty() or finished.ended > self._sent_at:
            self._send()

    def _send(self, revoked: Collection[int] = ()) -> None:
        with self._sending:
            ended, self._ended = self._ended, []
            news = News(ended, self._notebook.take() if self._notebook else [], list(revoked))
            self._sent_at = time.monotonic() + GATHER
            with suppress(OSError):  # the parent is gone, and we shall be in a moment
                self._pipe.send(news)

    def _read(self) -> None:
        try:
            while True:
                if self._pipe.poll(LOOK):
                    self._take(self._pipe.recv())
                elif self._ended or self._notebook:
                    self._send()
        except (EOFError, OSError):
            os._exit(0)

    def _take(self, message: list[Dealt] | Collection[int] | None) -> None:
        """Queue jobs, or take back those with given ids; None for all that have not begun."""
        if isinstance(message, list):
            for dealt in message:
                self._jobs.put(dealt)
            return
        waiting = []
        with suppress(Empty):
            while True:
                waiting.append(self._jobs.get_nowait())
        kept = [one for one in waiting if message is not None and one.job.id not in message]
        for dealt in kept:
            self._jobs.put(dealt)
        self._send([one.job.id for one in waiting if one not in kept])
