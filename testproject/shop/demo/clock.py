"""Time: what the database's clock says, and waiting for something to become true."""

import time
from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from django.db import connection

#: Pause between two looks at a condition, in seconds.
POLL = 0.02

T = TypeVar("T")


def database_now() -> datetime:
    """Ask the database what time it is."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        now: datetime = cursor.fetchone()[0]
    return now


def moment(seconds_from_now: float) -> float:
    """Return a moment of the monotonic clock, to wait until."""
    return time.monotonic() + seconds_from_now


def left(until: float) -> float:
    """Return the seconds left until a moment."""
    return until - time.monotonic()


def wait_for(look: Callable[[], T], until: float) -> T:
    """Look until there is something to see or the moment has come; return what was seen last."""
    while not (seen := look()) and left(until) > 0:
        time.sleep(POLL)
    return seen
