"""report: progress and log lines of running jobs. No state changes."""

from __future__ import annotations

import json
from collections.abc import Sequence

from django_jobs.engine.sql import FENCED, JOB, PLACE, among, array, change
from django_jobs.notebook import KEPT_LINES, Notes

_PROGRESS = f"(%(progress)s::text[])[{PLACE}]::jsonb"
_LINES = f"(%(lines)s::text[])[{PLACE}]::jsonb"

_REPORT = f"""
{FENCED}
UPDATE {JOB} AS job
SET progress = coalesce({_PROGRESS}, job.progress),
    log = CASE WHEN {_LINES} IS NULL THEN job.log ELSE jsonb_path_query_array(
        coalesce(job.log, '[]') || {_LINES}, '$[last - {KEPT_LINES - 1} to last]') END
WHERE {among("fenced")}
"""  # noqa: S608 - names of tables


def report(notes: Sequence[Notes], *, using: str) -> None:
    """Write what claimed jobs have told of themselves. Fenced: of other claims nothing is written.

    Of a log the newest lines are kept. Also just after the job has ended: its last word counts.
    """
    ordered = sorted(notes, key=lambda told: told.job.id)
    if not ordered:
        return
    params = {
        "ids": array([told.job.id for told in ordered]),
        "claims": array([told.job.claims for told in ordered]),
        "progress": [_json(told.progress) for told in ordered],
        "lines": [_json(told.lines) for told in ordered],
    }
    change(using, _REPORT, params)


def _json(value: object) -> str | None:
    # Escaped, NUL and half a surrogate pair are text like any other to Python, not to PostgreSQL.
    return json.dumps(value) if value else None
