"""A database whose clock says what a test wants."""

from __future__ import annotations

from datetime import datetime, timedelta

from django_jobs.models import Schedule
from tests.rows import sql


class DatabaseClock:
    """Stands in for the server's ``statement_timestamp()``, in the session of this connection.

    What a schema that is searched before the server's own offers goes over it; so the statements
    under test are those that always run.
    """

    def __init__(self, now: datetime) -> None:
        sql("CREATE SCHEMA clock")
        sql(
            "CREATE FUNCTION clock.statement_timestamp() RETURNS timestamptz LANGUAGE sql "
            "AS $$ SELECT current_setting('clock.now')::timestamptz $$"
        )
        sql("SET LOCAL search_path = clock, public, pg_catalog")
        self.set(now)

    def set(self, now: datetime) -> None:
        """Set the clock, forward or back."""
        self.now = now
        sql("SELECT set_config('clock.now', %s, true)", now.isoformat())

    def step(self, **by: float) -> datetime:
        """Let time pass, or step back, and return what the clock says then."""
        self.set(self.now + timedelta(**by))
        return self.now


def make_schedule(clock: DatabaseClock | None = None, **fields: object) -> Schedule:
    """Insert a schedule that was made when the clock says so."""
    made = {} if clock is None else {"created_at": clock.now, "counts_from": clock.now}
    if "every" not in fields:
        fields = {"cron": "* * * * *", **fields}
    number = Schedule.objects.count()
    return Schedule.objects.create(
        **{"name": f"schedule {number}", "function": "tests.samples.anything", **made, **fields}
    )
