"""Jobs that wait for jobs: what becomes of them when those end."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from django.db import transaction

from django_jobs.engine.announcing import announce
from django_jobs.engine.ends import Ended
from django_jobs.engine.sql import JOB, LINK, change, fetch, movable, with_error
from django_jobs.exceptions import DependencyFailed
from django_jobs.faults import MAX_MESSAGE, fingerprint, storable
from django_jobs.states import State
from django_jobs.wording import first_line

_FAILED = f"{DependencyFailed.__module__}.{DependencyFailed.__qualname__}"

# What is locked is left for the next look: whoever holds it may be a transaction of somebody who
# has gone for lunch, and the worker of the job that has ended must not wait for that.
_TAKE = f"""
WITH waiting AS MATERIALIZED (
    SELECT id FROM {JOB} AS job
    WHERE id = ANY(ARRAY(
        SELECT waiting_id FROM {LINK} WHERE awaited_id = ANY(%s::bigint[]) AND NOT resolved
    )) AND {movable("settle")}
), taken AS MATERIALIZED (
    SELECT id FROM {JOB} AS job
    WHERE id = ANY(ARRAY(SELECT id FROM waiting)) AND {movable("settle")}
    ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
)
SELECT array(SELECT id FROM taken ORDER BY id),
    array(SELECT id FROM waiting EXCEPT SELECT id FROM taken)
"""  # noqa: S608 - names of tables

_HELD_BACK = f"""
SELECT DISTINCT awaited_id FROM {LINK}
WHERE waiting_id = ANY(%s::bigint[]) AND awaited_id = ANY(%s::bigint[]) AND NOT resolved
"""  # noqa: S608 - names of tables

# Also for those that do not wait any more: if they are tried again they need not wait for this.
_RESOLVE = f"""
UPDATE {LINK} SET resolved = true
WHERE awaited_id = ANY(%s::bigint[]) AND NOT resolved AND waiting_id <> ALL(%s::bigint[])
"""  # noqa: S608 - names of tables

_CAUSES = f"""
SELECT waiting_id, min(awaited_id) FROM {LINK}
WHERE awaited_id = ANY(%s::bigint[]) AND NOT resolved AND waiting_id = ANY(%s::bigint[])
GROUP BY waiting_id ORDER BY waiting_id
"""  # noqa: S608 - names of tables

# The subquery has a LIMIT so that it stays one: a few looks into an index, where a join would read
# the links of all jobs that wait. A new statement, behind the locks: it sees what others who had
# the same job to do have resolved.
_FREE = f"""
UPDATE {JOB} AS job
SET state = CASE WHEN scheduled_at > statement_timestamp() THEN 'scheduled' ELSE 'ready' END
WHERE id = ANY(%s::bigint[]) AND {movable("settle")} AND (
    SELECT awaited_id FROM {LINK} WHERE waiting_id = job.id AND NOT resolved LIMIT 1
) IS NULL
RETURNING job.queue
"""  # noqa: S608 - names of tables

_CAUSE = "(%(causes)s::bigint[])[width_bucket(job.id, %(ids)s::bigint[])]"
_ERROR = f"(%(errors)s::jsonb[])[width_bucket({_CAUSE}, %(awaited)s::bigint[])]"
_TOLD = f"""({_ERROR} || jsonb_build_object(
    'attempt', job.attempts, 'started_at', NULL, 'ended_at', statement_timestamp()))"""
_FAIL = f"""
UPDATE {JOB} AS job
SET state = 'failed', ended_by = {_CAUSE}, finished_at = statement_timestamp(),
    prune_at = statement_timestamp() + make_interval(secs => %(keep)s::float8),
    errors = {with_error(_TOLD)}, fingerprint = {_ERROR} ->> 'fingerprint'
WHERE id = ANY(%(ids)s::bigint[]) AND {movable("settle")}
"""  # noqa: S608 - names of tables

_GONE = f"""
SELECT waiting_id, min(awaited_id) FROM {LINK} WHERE gone
GROUP BY waiting_id ORDER BY waiting_id LIMIT %s
"""  # noqa: S608 - names of tables

# Those that are held by others are found again: blocked, or not, by then.
_TAKE_GONE = f"""
WITH free AS MATERIALIZED (
    SELECT id, state FROM {JOB} WHERE id = ANY(%s::bigint[])
    ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
)
SELECT id, state IN ('{State.BLOCKED.value}') FROM free ORDER BY id
"""  # noqa: S608 - names of tables

_FORGET = f"DELETE FROM {LINK} WHERE gone AND waiting_id = ANY(%s::bigint[])"  # noqa: S608


def tell_links(ended: Sequence[Ended], retention: Mapping[str, float], using: str) -> set[int]:
    """Move the jobs that wait for these, locked, ones; return those whose end is to be told again.

    Those that wait for nothing more become ready, or scheduled; those that waited for one that has
    not succeeded fail. What somebody else holds is left as it is.
    """
    ids = [job.id for job in ended]
    ((taken, held),) = fetch(using, _TAKE, (ids,))
    good = [job.id for job in ended if job.state == State.SUCCEEDED]
    bad = {job.id: job for job in ended if job.state != State.SUCCEEDED}
    if good:
        change(using, _RESOLVE, (good, held))
    if taken and bad:
        causes = dict(fetch(using, _CAUSES, (list(bad), taken)))
        errors = {cause: _error_of(bad[cause]) for cause in causes.values()}
        _fail(causes, errors, retention, using)
    if taken and good:
        announce({queue for (queue,) in fetch(using, _FREE, (taken,))}, using)
    return {job for (job,) in fetch(using, _HELD_BACK, (held, ids))} if held else set()


def fail_forlorn(retention: Mapping[str, float], batch: int, using: str) -> int:
    """Fail jobs that wait for one whose row was deleted before it had ended; return how many."""
    with transaction.atomic(using=using):
        causes = dict(fetch(using, _GONE, (batch,)))
        if not causes:
            return 0
        free = dict(fetch(using, _TAKE_GONE, (list(causes),)))
        causes = {job: cause for job, cause in causes.items() if free.get(job)}
        errors = {cause: _error(cause, "", "was deleted.") for cause in causes.values()}
        _fail(causes, errors, retention, using)
        change(using, _FORGET, (list(free),))
    return len(causes)


def _fail(
    causes: Mapping[int, int],
    errors: Mapping[int, str],
    retention: Mapping[str, float],
    using: str,
) -> None:
    if not causes:
        return
    params = {
        "ids": list(causes),
        "causes": list(causes.values()),
        "awaited": sorted(errors),
        "errors": [errors[cause] for cause in sorted(errors)],
        "keep": float(retention[State.FAILED]),
    }
    change(using, _FAIL, params)


def _error_of(job: Ended) -> str:
    if job.state == State.CANCELLED:
        return _error(job.id, job.name, "was cancelled.")
    told = job.error or {}
    kind = str(told.get("exception") or "").rpartition(".")[2]
    message = first_line(told.get("message") or "")
    return _error(job.id, job.name, f"failed: {kind}: {message}".rstrip(": "))


def _error(key: int, name: str, how: str) -> str:
    message = storable(str(DependencyFailed(name or "a job", key, how)))
    return json.dumps(
        {
            "exception": _FAILED,
            "message": message[:MAX_MESSAGE],
            "traceback": "",
            # One kind for each function that is waited for.
            "fingerprint": fingerprint(f"{_FAILED} {name}"),
            "worker": None,
        }
    )
