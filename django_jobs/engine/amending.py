"""retry_with: failed or cancelled → ready, or blocked, with other arguments."""

from __future__ import annotations

from django.db import IntegrityError, transaction

from django_jobs.engine.retry import retry
from django_jobs.engine.sql import JOB, change
from django_jobs.prepared import NewJob

# After the retry, which has locked the row in the order of all who lock several, and before the
# commit, so that no worker sees the one without the other. Without a new key the old one stays.
_AMEND = f"""
UPDATE {JOB} AS job
SET args = coalesce(%s::jsonb, '[]'), kwargs = coalesce(%s::jsonb, '{{}}'),
    unique_key = coalesce(%s, job.unique_key), concurrency_key = coalesce(%s, job.concurrency_key)
WHERE id = %s
"""  # noqa: S608 - names of tables


def retry_with(
    job: int,
    new: NewJob,
    *,
    unique_key: str | None = None,
    concurrency_key: str | None = None,
    using: str,
) -> bool:
    """Move a failed or cancelled job to ready with the arguments of a new one; return whether.

    Nothing is changed where it is neither, or where another job holds its unique key, the one
    that it has or the one that it is given.
    """
    try:
        with transaction.atomic(using=using):
            if not retry([job], using=using):
                return False
            change(using, _AMEND, (new.args, new.kwargs, unique_key, concurrency_key, job))
            return True
    except IntegrityError:
        return False
