"""What the charts of the dashboard show: ends, waiting times and the backlog, over time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from django.utils.formats import date_format
from django.utils.timezone import is_aware, localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_jobs import history
from django_jobs.admin.dashboard import scale
from django_jobs.admin.dashboard.svg import Chart, Line
from django_jobs.engine.history import MOST
from django_jobs.histogram import quantile
from django_jobs.history import Slot
from django_jobs.models import Queue


class Range(NamedTuple):
    """How far back the charts go."""

    key: str
    label: object
    #: Seconds in all, and of one slot.
    seconds: int
    step: int
    #: How a moment is named below a chart.
    short: str


RANGES = {
    one.key: one
    for one in (
        Range("hour", gettext_lazy("Last hour"), 3_600, 60, "H:i"),
        Range("day", gettext_lazy("Last day"), 86_400, 1_200, "H:i"),
        Range("week", gettext_lazy("Last week"), 604_800, 7_200, "D H:i"),
    )
}


def charts(wanted: Range, queue: Queue | None, *, using: str) -> list[Chart]:
    """Return the charts of one queue, or of all of them together."""
    name = "" if queue is None else queue.name
    slots = history.series(queue=name, seconds=wanted.seconds, step=wanted.step, using=using)
    moments = [_local(slot.key) for slot in slots]
    long = [date_format(one, "Y-m-d H:i") for one in moments]
    short = [date_format(one, wanted.short) for one in moments]
    # Of a queue in which nothing was ready nothing is noted; of all of them together it is.
    ready = [slot.ready if queue is None else slot.ready or 0 for slot in slots]
    return [_ends(slots, long, short), _waits(slots, long, short), _backlog(ready, long, short)]


def _ends(slots: Sequence[Slot], long: list[str], short: list[str]) -> Chart:
    lines = [
        Line("succeeded", _("succeeded"), [slot.succeeded for slot in slots]),
        Line("failed", _("failed"), [slot.failed for slot in slots]),
        Line("retried", _("failed and tried again"), [slot.retried for slot in slots]),
        Line("cancelled", _("cancelled"), [slot.cancelled for slot in slots]),
    ]
    top = max(slot.ended + slot.retried for slot in slots)
    sums = [scale.number(sum(value or 0 for value in line.values)) for line in lines]
    description = _(
        "In all %(succeeded)s succeeded, %(failed)s failed, %(retried)s were tried again and "
        "%(cancelled)s were cancelled."
    ) % {line.kind: told for line, told in zip(lines, sums, strict=True)}
    return Chart(
        "ends", _("Jobs that ended"), description, long, short, lines, scale.whole(top),
        scale.number, scale.number, is_stacked=True, empty=_("No job has ended in this time."),
    )  # fmt: skip


def _waits(slots: Sequence[Slot], long: list[str], short: list[str]) -> Chart:
    half = [quantile(slot.waits, 0.5) for slot in slots]
    most = [quantile(slot.waits, 0.95) for slot in slots]
    worst = max((value for value in most if value is not None), default=0.0)
    description = _(
        "From when a job was due until it began. At worst 95 of 100 began within %(worst)s."
    ) % {"worst": scale.duration(worst)}
    return Chart(
        "waits", _("Waiting time"), description, long, short,
        [Line("half", _("half began within"), half), Line("most", _("95 % began within"), most)],
        scale.times(worst), scale.duration, scale.level, empty=_("No job has begun in this time."),
    )  # fmt: skip


def _backlog(ready: Sequence[int | None], long: list[str], short: list[str]) -> Chart:
    top = max((value for value in ready if value is not None), default=0)
    description = _("Jobs that were ready and waited for a worker: at most %(top)s.") % {
        "top": scale.number(top)
    }
    if top >= MOST:
        description += " " + _("Of each queue %(most)s are counted, and no more.") % {
            "most": scale.number(MOST)
        }
    return Chart(
        "backlog", _("Backlog"), description, long, short,
        [Line("ready", _("ready jobs"), ready)], scale.whole(top), scale.number,
        scale.number, empty=_("Nothing has waited in this time."),
    )  # fmt: skip


def _local(key: datetime | str) -> datetime:
    assert isinstance(key, datetime)  # noqa: S101 - a series has moments for keys
    return localtime(key) if is_aware(key) else key
