"""The workers on the dashboard, and what each of them runs now."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext_lazy as _

from django_jobs import roster
from django_jobs.admin import links
from django_jobs.admin.dashboard import scale
from django_jobs.admin.standing import standing
from django_jobs.conf import options
from django_jobs.orders import Order
from django_jobs.roster import RosterEntry

#: Workers that are shown, and of each the jobs that have run longest.
SHOWN, JOBS = 20, 3
#: Running jobs that are looked at.
MOST = 200


@dataclass
class Row:
    """One worker, in words."""

    name: str
    url: str
    queues: str
    version: str
    heartbeat: str
    is_late: bool
    jobs: int
    places: int
    memory: str
    standing: str
    #: The actions of its buttons, with their labels; none where the user may not tell it anything.
    buttons: list[tuple[str, Any]]
    steer_url: str
    #: The name of each job's function, how long it runs, and its page.
    running: list[tuple[str, str, str]] = field(default_factory=list)

    @property
    def more(self) -> int:
        """Return how many jobs it has beside those that are shown."""
        return max(self.jobs - len(self.running), 0)


def rows(
    workers: Sequence[RosterEntry], *, with_jobs: bool, with_buttons: bool, using: str
) -> list[Row]:
    """Return the first of the workers, late ones first; ``with_jobs`` with what they run."""
    late = options().heartbeat_timeout
    first = sorted(workers, key=lambda one: one.heartbeat <= late)[:SHOWN]
    running = defaultdict(list)
    if with_jobs and first:
        for job in roster.running(limit=MOST, using=using):
            url = links.address("job_change", job.id)
            time = "" if job.seconds is None else scale.duration(max(round(job.seconds), 0))
            running[job.worker].append((job.name, time, url))
    return [
        Row(
            f"{one.hostname}:{one.pid}",
            links.address("worker_change", one.id),
            ", ".join(one.queues),
            one.version,
            scale.duration(max(round(one.heartbeat), 0)),
            one.heartbeat > late,
            one.jobs,
            one.concurrency,
            "" if one.rss is None else filesizeformat(one.rss),
            standing(one.orders, one.heard),
            _buttons(one) if with_buttons else [],
            links.address("worker_steer", one.id),
            running[f"{one.hostname}:{one.pid}"][:JOBS],
        )
        for one in first
    ]


def _buttons(worker: RosterEntry) -> list[tuple[str, Any]]:
    if worker.orders == Order.STOP:
        return []
    is_quiet = worker.orders == Order.QUIET
    turn = ("resume", _("Resume")) if is_quiet else ("quiet", _("Quiet"))
    return [turn, ("stop", _("Stop"))]
