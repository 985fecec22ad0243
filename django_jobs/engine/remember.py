"""remember: let a running job be found by its arguments. Moves nothing."""

from __future__ import annotations

from django_jobs.engine.sql import JOB, change
from django_jobs.outcomes import Claimed

_REMEMBER = f"""
UPDATE {JOB} SET args = %s::jsonb, kwargs = %s::jsonb, remembered = true
WHERE id = %s AND claims = %s
"""  # noqa: S608 - names of tables


def remember(job: Claimed, args: str, kwargs: str, *, using: str) -> None:
    """Store a job's arguments, all by name, so that who depends on its function finds it. Fenced.

    ``args`` and ``kwargs`` are JSON texts of the same call.
    """
    change(using, _REMEMBER, (args, kwargs, job.id, job.claims))
