"""All that the dashboard shows to one user."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest

from django_jobs import failures, roster
from django_jobs.admin import access, links
from django_jobs.admin.access import Power
from django_jobs.admin.dashboard import banners, queues, workers
from django_jobs.admin.dashboard.charts import RANGES, Range, charts
from django_jobs.engine.sql import write_alias
from django_jobs.models import Queue, Schedule

#: Seconds between two looks of a page that is open.
INTERVAL = 5
#: Schedules and groups of failures that are shown.
SCHEDULES, GROUPS = 5, 5


def may_look(request: HttpRequest) -> bool:
    """Return whether there is anything on the dashboard for the user."""
    powers = (Power.VIEW, Power.VIEW_QUEUE, Power.VIEW_WORKER, Power.VIEW_SCHEDULE)
    return any(access.may(request, power) for power in powers)


def context(request: HttpRequest) -> dict[str, Any]:
    """Return what the template shows: of each part only what the user may see."""
    using = write_alias(None)
    sees_all = access.sees_all(request)
    wanted = RANGES.get(request.GET.get("range", ""), RANGES["hour"])
    found = queues.look(request, using=using) if access.may(request, Power.VIEW_QUEUE) else None
    known = roster.workers(using=using) if access.may(request, Power.VIEW_WORKER) else []
    shows_jobs = sees_all and access.may(request, Power.VIEW)
    return {
        "live_url": f"{links.address('dashboard')}?{_query(request, wanted)}",
        "interval": INTERVAL,
        "sees_all": sees_all,
        "banners": banners.banners(request, found, known, using=using),
        **(_queues(request, found, using) if found is not None else {}),
        **(_charts(request, wanted, using) if found is not None and sees_all else {}),
        **(
            _workers(request, known, shows_jobs, using)
            if access.may(request, Power.VIEW_WORKER)
            else {}
        ),
        **(_schedules(using) if access.may(request, Power.VIEW_SCHEDULE) else {}),
        **(_failures(using) if shows_jobs else {}),
    }


def _queues(request: HttpRequest, found: Any, using: str) -> dict[str, Any]:
    rows = queues.rows(found, sees_all=access.sees_all(request), using=using)
    return {
        "shows_queues": True,
        "queues": rows,
        "more_queues": len(found.queues) - len(rows),
        "may_pause": access.may(request, Power.PAUSE),
        "lists_jobs": access.may(request, Power.VIEW),
        "back": request.GET.urlencode(),
    }


def _charts(request: HttpRequest, wanted: Range, using: str) -> dict[str, Any]:
    queue = _queue(request, using)
    return {
        "charts": charts(wanted, queue, using=using),
        "queue": queue,
        "range": wanted,
        "ranges": [(one, _query(request, one), one is wanted) for one in RANGES.values()],
    }


def _queue(request: HttpRequest, using: str) -> Queue | None:
    name = request.GET.get("queue", "")
    if not name or "\0" in name:
        return None
    return Queue.objects.using(using).filter(name=name).first()


def _query(request: HttpRequest, wanted: Range) -> str:
    chosen = {"range": wanted.key}
    if queue := request.GET.get("queue", ""):
        chosen["queue"] = queue
    return urlencode(chosen)


def _workers(
    request: HttpRequest, known: list[roster.RosterEntry], with_jobs: bool, using: str
) -> dict[str, Any]:
    # The buttons are sent to the pages of workers.
    may_steer = access.may(request, Power.STOP_WORKER) and bool(links.address("worker_changelist"))
    rows = workers.rows(known, with_jobs=with_jobs, with_buttons=may_steer, using=using)
    return {
        "shows_workers": True,
        "workers": rows,
        "more_workers": len(known) - len(rows),
        "with_jobs": with_jobs,
    }


def _schedules(using: str) -> dict[str, Any]:
    ticking = Schedule.objects.using(using).filter(is_enabled=True, is_over=False)
    ticking = ticking.exclude(source=Schedule.Source.WITHDRAWN).filter(next_tick__isnull=False)
    return {"shows_schedules": True, "schedules": ticking.order_by("next_tick")[:SCHEDULES]}


def _failures(using: str) -> dict[str, Any]:
    grouped = failures.failures(limit=GROUPS, using=using)
    return {"shows_failures": True, "groups": grouped.groups, "failures_capped": grouped.is_capped}
