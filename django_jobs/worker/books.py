"""What a worker writes down about runs that have ended."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence

from django.db.utils import DataError, OperationalError

from django_jobs import engine
from django_jobs.chronicle import Chronicle
from django_jobs.faults import fault_of
from django_jobs.outcomes import Abandoned, Failed, Finished, Succeeded
from django_jobs.worker.gauges import Gauges
from django_jobs.worker.herald import Herald

logger = logging.getLogger("django_jobs")


class Books:
    """Records outcomes in the database, counts them, and tells of them."""

    def __init__(
        self,
        worker: str,
        gauges: Gauges,
        herald: Herald,
        retention: Mapping[str, float],
        using: str,
    ) -> None:
        self.chronicle = Chronicle()
        self._worker, self._gauges, self._herald = worker, gauges, herald
        self._retention, self._using = retention, using

    def record(self, finished: Sequence[Finished]) -> None:
        """Record how runs ended; those that had changed hands meanwhile are told of as lost."""
        open_ended = [ended for ended in finished if not _is_closed(ended)]
        lost = self._finish(open_ended) if open_ended else set()
        self._count(finished)
        self.chronicle.count(
            finished if not lost else [ended for ended in finished if ended.job.id not in lost]
        )
        if self._herald.is_listened_to:
            self._herald.ended(ended for ended in finished if ended.job.id not in lost)
        says_all = logger.isEnabledFor(logging.INFO)
        for ended in finished if lost or says_all else ():
            job = ended.job
            if job.id in lost:
                logger.warning("job.lost id=%s name=%s attempt=%s", job.id, job.name, job.attempts)
            elif type(ended.outcome) is Abandoned:
                logger.info(
                    "job.abandoned id=%s name=%s reason=%s", job.id, job.name, ended.outcome.reason
                )
            elif type(ended.outcome) is Succeeded:
                logger.info(
                    "job.succeeded id=%s name=%s attempt=%s duration=%.3f",
                    job.id, job.name, job.attempts, ended.elapsed,
                )  # fmt: skip

    def _finish(self, finished: Sequence[Finished]) -> set[int]:
        try:
            return self._engine_finish(finished)
        except (DataError, OperationalError) as error:
            if not _is_refusal(error):
                raise
            # The database refuses what one of them holds: that one fails, its neighbours do not.
            if len(finished) > 1:
                return set().union(*(self._finish([ended]) for ended in finished))
            (ended,) = finished
            return self._engine_finish([ended._replace(outcome=Failed(fault_of(error)))])

    def _engine_finish(self, finished: Sequence[Finished]) -> set[int]:
        return engine.finish(
            finished, worker=self._worker, retention=self._retention, using=self._using
        )

    def _count(self, finished: Iterable[Finished]) -> None:
        processed = succeeded = failed = retried = 0
        for ended in finished:
            processed += 1
            match ended.outcome:
                case Succeeded():
                    succeeded += 1
                case Failed(delay=None):
                    failed += 1
                case Failed():
                    retried += 1
        self._gauges.processed += processed
        self._gauges.succeeded += succeeded
        self._gauges.failed += failed
        self._gauges.retried += retried


def _is_refusal(error: Exception) -> bool:
    """Return whether the database will never take what it was given, however often it is tried."""
    # Class 54: a limit of the server, as on the size of a value.
    sqlstate = getattr(error.__cause__, "sqlstate", None) or ""
    return isinstance(error, DataError) or sqlstate.startswith("54")


def _is_closed(ended: Finished) -> bool:
    """Return whether there is nothing to write: it is written already, or not ours to write."""
    return ended.is_recorded or type(ended.outcome) is Abandoned
