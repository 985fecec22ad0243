"""What a job is run as whose arguments stand for all values: one job for each of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from hashlib import sha256
from itertools import product
from typing import Any

from django_jobs import api
from django_jobs.choices import ALL, replaced
from django_jobs.definitions import Definition
from django_jobs.encoding import decode
from django_jobs.models import Job
from django_jobs.options import MAX_NAME
from django_jobs.outcomes import Claimed
from django_jobs.prepared import Origin
from django_jobs.specs import JobSpec

_WORD = json.dumps(ALL)


def is_expanded(job: Claimed, definition: Definition) -> bool:
    """Return whether the job makes others, instead of running its function."""
    if not definition.write_all or (_WORD not in job.kwargs and _WORD not in job.args):
        return False
    # Not decoded: that would fetch models, and this is asked on an event loop too.
    args, kwargs = json.loads(job.args), json.loads(job.kwargs)
    return bool(definition.wildcards(tuple(args), kwargs))


def expand(job: Claimed, definition: Definition, using: str) -> int:
    """Make one job for each combination of the values, like this one; return how many.

    Those whose unique key is held are not made. To be called in the transaction that ends the job.
    """
    return sum(
        made.created for made in api.enqueue_many(_specs(job, definition, using), using=using)
    )


def _specs(job: Claimed, definition: Definition, using: str) -> Iterator[JobSpec]:
    row = (
        Job.objects.using(using)
        .only("queue", "meta", "unique_key", "scheduled_at", "expires_at")
        .get(pk=job.id)
    )
    spec = JobSpec(
        func=job.name,
        queue=row.queue,
        priority=job.priority,
        max_attempts=job.max_attempts,
        timeout=job.timeout,
        memory_limit=job.memory_limit,
        meta=decode(json.dumps(row.meta)),
        expires_after=None if row.expires_at is None else row.expires_at - row.scheduled_at,
    ).coming_from(Origin(parent_id=job.id))
    key = None if callable(definition.unique_key) else row.unique_key or definition.unique_key
    args, kwargs = tuple(decode(job.args)), decode(job.kwargs)
    names = definition.wildcards(args, kwargs)
    for values in product(*(definition.choices[name].values for name in names)):
        chosen = dict(zip(names, values, strict=True))
        call = replaced(definition.positional, args, kwargs, chosen)
        one = spec if key is None else spec.with_unique_key(_key(key, chosen))
        yield one.calling(call[0], dict(call[1]))


def _key(key: str, chosen: dict[str, Any]) -> str:
    """Return the key of one of the jobs; all of them cannot hold the one of the job they are of."""
    told = f"{key}[{', '.join(f'{name}={value}' for name, value in chosen.items())}]"
    if len(told) <= MAX_NAME and told.isprintable():
        return told
    digest = sha256(told.encode("utf-8", "replace")).hexdigest()[:32]
    return f"{key[: MAX_NAME - 34]}[{digest}]"
