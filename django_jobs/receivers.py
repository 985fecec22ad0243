"""enqueue_on: what happens to a model makes jobs, in the same transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from weakref import WeakKeyDictionary, WeakValueDictionary

from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Model
from django.dispatch import Signal

from django_jobs.api import Enqueueable, enqueue
from django_jobs.engine.sql import write_alias
from django_jobs.exceptions import InvalidOption
from django_jobs.specs import JobSpec

M = TypeVar("M", bound=Model)
Receiver = Callable[..., None]


def enqueue_on(
    signal: Signal,
    *,
    sender: type[M],
    job: Enqueueable,
    created: bool | None = None,
    when: Callable[[M], bool] | None = None,
    kwargs: Callable[[M], Mapping[str, Any]] | None = None,
) -> Receiver:
    """Enqueue ``job`` whenever ``signal`` is sent for a ``sender``; return the receiver.

    ``created`` True is for new rows only, False for changed ones only. ``when`` decides by the
    instance, ``kwargs`` makes the arguments from it; without it the job gets the primary key.
    Fixtures (``raw=True``) are skipped. The same job with the same arguments is enqueued once for
    each transaction. The job joins that transaction: outside one, ``save()`` has committed by the
    time the signal is sent. ``bulk_create``, ``QuerySet.update`` and raw SQL send no signals.
    """
    spec = job if isinstance(job, JobSpec) else JobSpec.from_func(job)
    for name, value in (("when", when), ("kwargs", kwargs)):
        if value is not None and not callable(value):
            raise InvalidOption(f"enqueue_on: {name} must be callable with an instance.")

    def receiver(*, instance: M, raw: bool = False, **sent: Any) -> None:
        if raw or (created is not None and sent.get("created", created) is not created):
            return
        if when is not None and not when(instance):
            return
        filled = spec.with_kwargs(kwargs(instance)) if kwargs else spec.with_args(instance.pk)
        using = write_alias(None)
        if _is_first(filled, connections[using]):
            enqueue(filled, using=using)

    signal.connect(receiver, sender=sender, weak=False)
    return receiver


class _Mark:
    """Stands in a transaction's list of callbacks, and so lives exactly as long as its work.

    Django drops a callback when its savepoint or its transaction is rolled back, and when it has
    run; the weak references below then forget the key by themselves.
    """

    __slots__ = ("__weakref__",)

    def __call__(self) -> None:
        pass


_marks: WeakKeyDictionary[BaseDatabaseWrapper, WeakValueDictionary[Any, _Mark]] = (
    WeakKeyDictionary()
)


def _is_first(spec: JobSpec, connection: BaseDatabaseWrapper) -> bool:
    """Return whether this transaction has not enqueued the same job with the same arguments."""
    if not connection.in_atomic_block:
        return True
    marks = _marks.setdefault(connection, WeakValueDictionary())
    new = spec.prepare()
    if new in marks:
        return False
    marks[new] = mark = _Mark()
    transaction.on_commit(mark, using=connection.alias, robust=True)
    return True
