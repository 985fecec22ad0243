"""The threads beside a worker's loop: its heart, its services, its listener."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from django_jobs.chronicle import Chronicle
from django_jobs.conf import Options
from django_jobs.notifications import Listener
from django_jobs.orders import WorkerOptions
from django_jobs.services import (
    Ager,
    Expirer,
    Historian,
    Promoter,
    Pruner,
    Reporter,
    Rescuer,
    Scheduler,
    Service,
    Services,
    Settler,
)
from django_jobs.worker.conduct import Conduct
from django_jobs.worker.heart import Heart


class Companions:
    """Starts and stops them together."""

    def __init__(
        self,
        worker: int,
        given: WorkerOptions,
        settings: Options,
        *,
        conduct: Conduct,
        reporter: Reporter,
        historian: Historian,
        wake: Callable[[], None],
        beat: Callable[[], None],
        lost: Callable[[str], None],
    ) -> None:
        """``conduct`` hears orders; ``wake`` is called when there may be jobs, ``beat`` after each
        heartbeat, ``lost`` when the worker was given up for dead.
        """
        self._heart = Heart(
            worker,
            interval=settings.heartbeat_interval,
            timeout=settings.heartbeat_timeout,
            conduct=conduct,
            beat=beat,
            lost=lost,
            using=given.using,
        )
        self._threads: list[Heart | Services | Listener] = [
            self._heart,
            _services(settings, given.using, [reporter, historian], wake, historian.chronicle),
        ]
        if settings.listen:
            listener = Listener(
                wake, given.queues, given.using, worker=worker, summon=self._heart.summon
            )
            self._threads.append(listener)

    @property
    def is_late(self) -> bool:
        """Return whether the heartbeat is too old for the worker to claim anything."""
        return self._heart.is_late

    def report(self) -> None:
        """Let the heart beat now, and tell what has changed."""
        self._heart.summon()

    def start(self) -> None:
        """Start them all."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Tell them all to stop; they end within a second or so."""
        for thread in self._threads:
            thread.stop()


def _services(
    settings: Options,
    using: str,
    given: Sequence[Service],
    wake: Callable[[], None],
    chronicle: Chronicle,
) -> Services:
    retention = settings.retention
    ageing = settings.ageing
    agers = [Ager(min(ageing["after"], 60.0), using, ageing)] if ageing else []
    return Services(
        [
            *agers,
            Expirer(settings.poll_interval, using, retention=retention["cancelled"]),
            Scheduler(settings.poll_interval, using, wake),
            Promoter(settings.poll_interval, using, wake),
            Settler(settings.poll_interval, using, retention=retention, wake=wake),
            Rescuer(
                settings.heartbeat_interval,
                using,
                timeout=settings.heartbeat_timeout,
                retention=retention,
                wake=wake,
                chronicle=chronicle,
            ),
            Pruner(settings.prune_interval, using),
            *given,
        ]
    )
