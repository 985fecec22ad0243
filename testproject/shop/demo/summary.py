"""What the jobs of a run did, and how long they waited."""

from typing import NamedTuple

from django.db import connection

from testproject.shop.demo.run import Run
from testproject.shop.demo.story import short
from testproject.shop.demo.table import table

#: Grouped by name, and once more over all: the last row has no name. A job waits from the moment
#: it was both known and due until it was (last) started.
QUERY = """
SELECT name,
       count(*),
       count(*) FILTER (WHERE state = 'succeeded'),
       count(*) FILTER (WHERE attempts > 1),
       count(*) FILTER (WHERE state = 'failed'),
       percentile_cont(0.5) WITHIN GROUP (ORDER BY waited),
       percentile_cont(0.95) WITHIN GROUP (ORDER BY waited),
       extract(epoch FROM max(finished_at) - min(started_at))
FROM (SELECT *, extract(epoch FROM started_at - greatest(enqueued_at, scheduled_at)) AS waited
      FROM django_jobs_job WHERE id > %s) AS job
GROUP BY GROUPING SETS ((name), ())
ORDER BY name NULLS LAST
"""

HEADING = ("job", "jobs", "succeeded", "retried", "failed", "p50 wait", "p95 wait", "jobs/s")


class Line(NamedTuple):
    """The jobs of one name, or of all."""

    name: str | None
    jobs: int
    succeeded: int
    retried: int
    failed: int
    p50: float | None
    p95: float | None
    seconds: float | None

    def cells(self) -> tuple[str, ...]:
        """Write the line for people."""
        counts = (self.jobs, self.succeeded, self.retried, self.failed)
        return (
            short(self.name) if self.name else "all",
            *(f"{count:,}" for count in counts),
            wait(self.p50),
            wait(self.p95),
            f"{self.jobs / float(self.seconds):,.1f}" if self.seconds else "-",
        )


def wait(seconds: float | None) -> str:
    """Write a waiting time."""
    if seconds is None:
        return "-"
    return f"{seconds:,.2f} s" if seconds >= 1 else f"{seconds * 1000:,.0f} ms"


def read(run: Run) -> list[Line]:
    """Ask the database for the figures of a run: a line per name and the sum."""
    with connection.cursor() as cursor:
        cursor.execute(QUERY, [run.last_job])
        return [Line(*row) for row in cursor.fetchall()]


def lines(run: Run) -> list[str]:
    """Write the summary as a table."""
    return table(HEADING, [line.cells() for line in read(run)])
