"""enqueue: nothing → ready or scheduled, in the caller's transaction."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.db import transaction

from django_jobs.batches import NewJobs
from django_jobs.engine.announcing import announce
from django_jobs.engine.copying import copy_in, reserve_ids
from django_jobs.engine.inserting import Inserted, insert, insert_one
from django_jobs.engine.rows import row
from django_jobs.engine.sql import JOB, fetch, states
from django_jobs.exceptions import UniqueKeyContended
from django_jobs.models import Job
from django_jobs.prepared import NewJob
from django_jobs.specs import JobSpec
from django_jobs.states import LIVE

#: From this many jobs on COPY is faster than INSERT, though it needs the ids beforehand.
COPY_FROM = 50
#: Jobs with unique keys that one statement inserts.
KEYED_BATCH = 1000
#: Times that a key may change hands between our insert and our look for who holds it.
PATIENCE = 20

_HOLDERS = f"""
SELECT unique_key, id FROM {JOB}
WHERE unique_key = ANY(%s::text[]) AND state IN {states(LIVE)}
"""  # noqa: S608 - names of tables


def enqueue(specs: Sequence[JobSpec], *, using: str) -> Sequence[Job]:
    """Make jobs, ready or scheduled, and return their rows in the order given. All or none.

    A job whose unique key a live job holds is not made: the holder's row is returned instead, with
    ``created`` False, and is not touched.
    """
    if len(specs) == 1:
        job = specs[0].prepare()
        if job.unique_key is None:
            row = _row(job, insert_one(job, using=using), using)
            announce((job.queue,), using)
            return [row]
    new = NewJobs(specs)
    if new.is_keyed:
        jobs: Sequence[Job] = _enqueue_keyed(list(new), using)
    elif len(new) < COPY_FROM:
        prepared = list(new)
        inserted = insert(prepared, using=using) if prepared else []
        jobs = [_row(job, made, using) for job, made in zip(prepared, inserted, strict=True)]
    else:
        with transaction.atomic(using=using):
            now, ids = reserve_ids(len(new), using)
            copy_in(new, ids, now, using)
        jobs = CopiedJobs(new, ids, using)
    announce(new.queues, using)
    return jobs


class CopiedJobs(Sequence[Job]):
    """The rows of many jobs enqueued at once, each made when it is looked at.

    Model instances cost more than the rows themselves, and most callers never look.
    """

    def __init__(self, new: NewJobs, ids: Sequence[int], using: str) -> None:
        self._new, self._ids, self._using = new, ids, using

    def __len__(self) -> int:
        return len(self._ids)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return CopiedJobs(self._new[index], self._ids[index], self._using)
        return _row(self._new[index], Inserted(self._ids[index]), self._using)

    def __iter__(self) -> Iterator[Job]:
        return (self[index] for index in range(len(self)))

    def __repr__(self) -> str:
        return f"<{len(self)} jobs>"

    @property
    def ids(self) -> Sequence[int]:
        """Return their primary keys, at no cost."""
        return self._ids


def ids_of(jobs: Sequence[Job]) -> Sequence[int]:
    """Return the primary keys of what enqueue() has returned."""
    return jobs.ids if isinstance(jobs, CopiedJobs) else [job.pk for job in jobs]


class _OutOfOrder(Exception):
    """A key came free that comes before one which we hold already."""


def _enqueue_keyed(new: Sequence[NewJob], using: str) -> list[Job]:
    key = ""
    for _ in range(PATIENCE):
        try:
            # A savepoint, where the caller has a transaction. With its end nobody waits for us.
            with transaction.atomic(using=using):
                return _insert_all(new, using)
        except _OutOfOrder as error:
            key = str(error)
    raise _contended(key)


def _insert_all(new: Sequence[NewJob], using: str) -> list[Job]:
    # Ids first, so that ties run in the order received, though keys go in by their own order.
    _, ids = reserve_ids(len(new), using)
    free = [(job, id_) for job, id_ in zip(new, ids, strict=True) if job.unique_key is None]
    for start in range(0, len(free), KEYED_BATCH):
        jobs, their_ids = zip(*free[start : start + KEYED_BATCH], strict=True)
        insert(jobs, ids=their_ids, using=using)
    # Of several with one key the first counts; in the order of the keys, so that two callers
    # with crossing keys wait for each other at most, and never in a circle.
    wanted: dict[str, tuple[NewJob, int]] = {}
    for job, id_ in zip(new, ids, strict=True):
        if job.unique_key is not None:
            wanted.setdefault(job.unique_key, (job, id_))
    made, holders = _insert_keyed(dict(sorted(wanted.items())), using)
    rows = Job.objects.using(using).in_bulk(list(holders.values()))
    returned = []
    for job, id_ in zip(new, ids, strict=True):
        key = job.unique_key
        if key is None or made.get(key) == id_:
            returned.append(_row(job, Inserted(id_), using))
        else:
            holder = made[key] if key in made else holders[key]
            returned.append(
                _duplicate(rows.get(holder) or _row(wanted[key][0], Inserted(holder), using))
            )
    return returned


def _insert_keyed(
    wanted: dict[str, tuple[NewJob, int]], using: str
) -> tuple[dict[str, int], dict[str, int]]:
    """Insert under each key unless it is held; return the ids made and the holders' ids."""
    made: dict[str, int] = {}
    holders: dict[str, int] = {}
    keys = list(wanted)
    for _ in range(PATIENCE):
        for start in range(0, len(keys), KEYED_BATCH):
            batch = [wanted[key] for key in keys[start : start + KEYED_BATCH]]
            jobs, ids = zip(*batch, strict=True)
            for inserted in insert(jobs, ids=ids, on_conflict=True, using=using):
                made[inserted.unique_key] = inserted.id  # type: ignore[index]
        keys = [key for key in keys if key not in made]
        if keys:
            holders.update(fetch(using, _HOLDERS, (keys,)))
            # A holder that ended between the two statements leaves its key to us.
            keys = [key for key in keys if key not in holders]
        if not keys:
            return made, holders
        if made and keys[0] < max(made):
            # Somebody may have it by now and wait for our later ones: we must not wait for him.
            raise _OutOfOrder(keys[0])
    raise _contended(keys[0])


def _contended(key: str) -> UniqueKeyContended:
    return UniqueKeyContended(
        f"The unique key {key!r} was taken and freed {PATIENCE} times while a job was being "
        f"enqueued under it; try again."
    )


def _duplicate(job: Job) -> Job:
    job.created = False
    return job


def _row(new: NewJob, inserted: Inserted, using: str) -> Job:
    """Return the model instance of a new row; what the database decided unseen is deferred."""
    return row({**new.as_columns(), **inserted.as_columns()}, using)
