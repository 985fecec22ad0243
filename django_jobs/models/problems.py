"""What would keep a schedule from making jobs, by field."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ObjectDoesNotExist
from django.utils.translation import gettext_lazy as _

from django_jobs import conf, options
from django_jobs.crontab import check_cron, zone_of
from django_jobs.exceptions import JobsError, UnknownJob, UnknownQueue
from django_jobs.scheduling import Missed, Overlap, spec_of

if TYPE_CHECKING:
    from django_jobs.models.schedule import Schedule


def problems(schedule: Schedule) -> Iterator[tuple[str, Any]]:
    """Yield fields of a schedule, and what is wrong with each."""
    for name, check in _checks(schedule):
        try:
            check(schedule)
        except UnknownJob as error:
            yield "function", str(error)
        except (JobsError, ValueError, TypeError, ObjectDoesNotExist) as error:
            yield name, str(error)
    if (schedule.cron is None) == (schedule.every is None):
        yield "cron", _("Give either a cron expression or an interval.")
    start, end = schedule.start_at, schedule.end_at
    if start is not None and end is not None and end <= start:
        yield "end_at", _("It has to end after it starts.")
    if schedule.missed == Missed.ALL and schedule.overlap == Overlap.SKIP:
        yield "overlap", _("Ticks that are all made up for make their jobs at once.")
    if not isinstance(schedule.args, list):
        yield "args", _("Give a list.")


def _checks(schedule: Schedule) -> Iterator[tuple[str, Callable[[Schedule], object]]]:
    yield "timezone", lambda one: zone_of(one.zone)
    if schedule.cron is not None:
        yield "cron", lambda one: check_cron(one.cron)
    if schedule.queue is not None:
        yield "queue", _check_queue
    if isinstance(schedule.args, list):
        yield "kwargs", _check_call


def _check_call(schedule: Schedule) -> None:
    options.check_dict(schedule.kwargs, "kwargs")
    args, kwargs = json.dumps(schedule.args), json.dumps(schedule.kwargs)
    spec_of(schedule.function, args, kwargs, None, None).prepare()


def _check_queue(schedule: Schedule) -> None:
    name, settings = options.check_name(schedule.queue, "queue"), conf.options()
    if settings.strict_queues and name not in settings.queues:
        raise UnknownQueue(name, settings.queues)
