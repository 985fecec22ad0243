"""A tick of the sales report that nobody was there for."""

from datetime import datetime, timedelta

from django_jobs.models import Schedule
from testproject.shop.demo.clock import database_now

NAME = "nightly report"


def rewind() -> datetime:
    """Let the schedule be as it was before its last tick, and return that tick.

    So it is found after a night without any worker: the row says what was to come, and is late.
    """
    table = Schedule.objects.get(name=NAME).timetable
    now = database_now()
    tick = table.newest(table.after(now - timedelta(days=2)) or now, now, 1)[0]
    Schedule.objects.filter(name=NAME).update(last_tick=None, next_tick=tick, is_enabled=True)
    return tick
