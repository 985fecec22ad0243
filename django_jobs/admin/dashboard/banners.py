"""What is wrong, in plain words, at the top of the dashboard."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from django.http import HttpRequest
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from django_jobs import coverage, fitness, horizon, wording
from django_jobs.admin import access
from django_jobs.admin.access import Power
from django_jobs.admin.dashboard import scale
from django_jobs.conf import options
from django_jobs.figures import Figures
from django_jobs.horizon import Pin
from django_jobs.roster import RosterEntry
from django_jobs.states import State


class Banner(NamedTuple):
    """One thing that is wrong."""

    #: ``error`` or ``warning``: a class of Django's messages.
    level: str
    text: str | Promise


def banners(
    request: HttpRequest, found: Figures | None, workers: Sequence[RosterEntry], *, using: str
) -> list[Banner]:
    """Return what the user may know of what is wrong, the worst first."""
    told: list[Banner] = []
    if found is not None:
        told += _unserved(found, using)
    if access.may(request, Power.VIEW_WORKER):
        told += _late(workers)
    if access.may(request, Power.VIEW) and access.sees_all(request):
        told += _unknown(using)
    # Queries hold data.
    if access.may(request, Power.STOP_WORKER):
        told += [_pinned(pin) for pin in horizon.pins(using=using)]
    return told


def _unserved(found: Figures, using: str) -> Iterator[Banner]:
    waiting = {
        one.name: one.counts[State.READY]
        for one in found.queues
        if one.counts[State.READY] and one.paused_at is None
    }
    missing = coverage.gaps(waiting, using=using)
    unserved = [gap.queue for gap in missing if not gap.tags]
    if unserved:
        text = ngettext(
            "No worker serves the queue %(queues)s, and jobs wait in it. Start one by "
            "manage.py runjobs.",
            "No worker serves the queues %(queues)s, and jobs wait in them. Start one by "
            "manage.py runjobs.",
            len(unserved),
        )
        yield Banner("error", text % {"queues": _listed(unserved)})
    for gap in missing:
        if gap.tags:
            text = _(
                "The queue %(queue)s is for workers that carry %(tags)s, and none does: jobs wait "
                "in it."
            )
            yield Banner("error", text % {"queue": gap.queue, "tags": _listed(gap.tags)})


def _late(workers: Sequence[RosterEntry]) -> Iterator[Banner]:
    late = [one for one in workers if one.heartbeat > options().heartbeat_timeout]
    if late:
        text = ngettext(
            "The worker %(workers)s has given no sign of life for %(time)s. Its jobs are taken "
            "back by any other worker.",
            "The workers %(workers)s have given no sign of life for %(time)s or more. Their jobs "
            "are taken back by any other worker.",
            len(late),
        )
        names = _listed([f"{one.hostname}:{one.pid}" for one in late])
        shortest = scale.duration(min(one.heartbeat for one in late))
        yield Banner("error", text % {"workers": names, "time": shortest})


def _unknown(using: str) -> Iterator[Banner]:
    unknown = fitness.unknown(using=using)
    if unknown:
        text = ngettext(
            "Jobs wait for a function that this code does not know: %(names)s. A worker with this "
            "code never runs them.",
            "Jobs wait for functions that this code does not know: %(names)s. A worker with this "
            "code never runs them.",
            len(unknown),
        )
        yield Banner("warning", text % {"names": _listed(sorted(unknown))})


def _pinned(pin: Pin) -> Banner:
    text = _(
        "A transaction has been open for {time} and keeps the database from cleaning up: process "
        "{pid} of {user}, {state}: {query}"
    )
    shown = format_html("<code>{}</code>", pin.query)
    return Banner(
        "warning",
        format_html(
            text, time=scale.duration(pin.age), pid=pin.pid, user=pin.user, state=pin.state,
            query=shown,
        ),
    )  # fmt: skip


def _listed(names: Sequence[str]) -> str:
    return wording.listed(list(names))
