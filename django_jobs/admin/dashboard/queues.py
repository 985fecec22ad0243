"""The queues on the dashboard: how full they are, and how fast they go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from django.http import HttpRequest

from django_jobs import figures, history
from django_jobs.admin import access, links
from django_jobs.admin.dashboard import scale
from django_jobs.admin.fullness import COUNTED, visible_figures
from django_jobs.figures import Figures, QueueFigures
from django_jobs.histogram import quantile
from django_jobs.history import Slot
from django_jobs.models import Queue
from django_jobs.states import State

#: Queues that are shown: first those with the most to do.
SHOWN = 50
#: Jobs of each state that are counted for users who do not see all of them.
MOST_VISIBLE = 1_000
#: Seconds that throughput and times are told of.
WINDOW = 3_600


@dataclass
class Row:
    """One queue, in words."""

    name: str
    key: int | None
    url: str
    #: The words of an address that shows its charts.
    charts: str
    #: Of each state that is counted, and where these jobs are listed.
    counts: Sequence[tuple[str, str]]
    oldest: str = ""
    per_minute: str = ""
    failed_per_minute: str = ""
    waits: str = ""
    runs: str = ""
    paused_at: datetime | None = None
    resume_at: datetime | None = None


def look(request: HttpRequest, *, using: str) -> Figures:
    """Return the figures of the queues, of those jobs that the user may see."""
    if access.sees_all(request):
        return figures.figures(window=WINDOW, using=using)
    return _visible(request, using)


def rows(found: Figures, *, sees_all: bool, using: str) -> list[Row]:
    """Return the queues that have the most to do, by name."""
    busiest = sorted(found.queues, key=_load)[:SHOWN]
    names = sorted(one.name for one in busiest)
    keys = dict(Queue.objects.using(using).filter(name__in=names).values_list("name", "pk"))
    past = history.totals(names, seconds=WINDOW, using=using) if sees_all and names else {}
    shown = sorted(busiest, key=lambda one: one.name)
    return [_row(found, one, keys.get(one.name), past.get(one.name)) for one in shown]


def _load(one: QueueFigures) -> tuple[int, float, str]:
    live = one.counts[State.READY] + one.counts[State.RUNNING]
    return -live, -sum(one.per_minute.values()), one.name


def _row(found: Figures, one: QueueFigures, key: int | None, past: Slot | None) -> Row:
    row = Row(
        one.name,
        key,
        links.address("queue_change", key) if key else "",
        urlencode({"queue": one.name}),
        [
            (_count(found, one, state), links.jobs(state__exact=state.value, queue=one.name))
            for state in COUNTED
        ],
        oldest="" if one.oldest is None else scale.duration(max(round(one.oldest), 0)),
        paused_at=one.paused_at,
        resume_at=one.resume_at,
    )
    if one.per_minute:
        row.per_minute = scale.number(round(one.per_minute.get("succeeded", 0.0), 1))
        row.failed_per_minute = scale.number(round(one.per_minute.get("failed", 0.0), 1))
    if past is not None:
        row.waits, row.runs = _times(past.waits), _times(past.runs)
    return row


def _times(counts: Sequence[int]) -> str:
    half, most = quantile(counts, 0.5), quantile(counts, 0.95)
    if half is None or most is None:
        return ""
    return f"{scale.duration(half)} / {scale.duration(most)}"


def _count(found: Figures, one: QueueFigures, state: State) -> str:
    return f"{scale.number(one.counts[state])}{'+' if found.is_capped(one.name, state) else ''}"


def _visible(request: HttpRequest, using: str) -> Figures:
    """Count what the user may see, and say which of these queues are paused."""
    found = visible_figures(request, limit=MOST_VISIBLE)
    queues = {one.name: one for one in found.queues}
    for queue in Queue.objects.using(using).filter(name__in=queues):
        queues[queue.name].paused_at = queue.paused_at
        queues[queue.name].resume_at = queue.resume_at
    return found
