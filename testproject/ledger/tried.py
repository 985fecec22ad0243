"""Jobs that the helpers for tests are tried with."""

from __future__ import annotations

from django.db import IntegrityError

from django_jobs import job
from testproject.ledger.models import Effect, Gate


def add(label: str) -> None:
    """Leave a row."""
    Effect.objects.create(label=label, pid=1)


@job
def plain(label: str = "plain") -> str:
    """Leave a row, and return what it says."""
    add(label)
    return label


@job(atomic=True)
def atomic(label: str = "atomic") -> None:
    """Leave a row and a job, or nothing."""
    add(label)
    plain.enqueue(label=f"after {label}")
    if label == "broken":
        raise ValueError(label)


@job(max_attempts=2, backoff=60)
def failing() -> None:
    """Leave a row, and fail."""
    add("kept")
    raise ValueError("broken")


@job
def clashing() -> None:
    """Go on after a statement that the database refuses."""
    for _ in range(2):
        try:
            Gate.objects.create(name="one")
        except IntegrityError:
            add("refused")


@job
async def counting() -> int:
    """Count rows, as a coroutine."""
    return await Effect.objects.acount()


@job
def careful(label: str) -> None:
    """Leave two rows, however often it runs."""
    Effect.objects.get_or_create(label=label, defaults={"pid": 1})
    Gate.objects.update_or_create(name=label)


@job
def only_once(label: str) -> None:
    """Leave a row, and refuse to do so where there is one."""
    if Effect.objects.filter(label=label).exists():
        raise ValueError(f"{label} was here")
    add(label)


@job
def refusing(label: str) -> None:
    """Look, and fail."""
    raise LookupError(Effect.objects.filter(label=label).count())


@job
def careless(label: str) -> None:
    """Leave one row more at each run, whatever it catches."""
    add(label)
    try:
        Gate.objects.get_or_create(name=label)
    except Exception:
        return
