"""Jobs that depend on others: JobMaster's example, and what the tests need besides."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any, Literal

from django_jobs import Dependency, job, same
from testproject.ledger.models import Effect, Gate

#: Seconds after which a job stops waiting at a gate that no test opens.
PATIENCE = 60


@job
def foo(file_path: str, number: int) -> None:
    """Write a number to a file."""
    Path(file_path).write_text(str(number))


@job(depends_on=Dependency(foo, 6, file_path=same))
def bar(file_path: str, number: int, letter: Literal["A", "B", "C"] = "A") -> None:
    """Add a number to the one in the file, and a letter behind it."""
    sum_ = int(Path(file_path).read_text()) + number
    Path(file_path).write_text(f"{sum_}{letter}")


@job(
    max_running_per_host=3,
    depends_on=[Dependency(foo, 2, number=10, file_path=same), Dependency(bar, 2, file_path=same)],
)
def baz(file_path: str) -> str:
    """Return what is in the file."""
    return Path(file_path).read_text()


@job(max_attempts=3, backoff=0)
def source(label: str, how: str = "") -> None:
    """Leave an effect; or fail, or die, or wait at the gate of this label first."""
    Effect.objects.create(label=f"source {label}", pid=os.getpid())
    deadline = time.monotonic() + PATIENCE
    while how == "gate" and not Gate.objects.filter(name=label).exists():
        if time.monotonic() > deadline:
            raise TimeoutError(label)
        time.sleep(0.01)
    if how == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "fail":
        raise ValueError(f"{label} is dry")


_ON_SOURCE = Dependency(source, None, label=same)


@job(depends_on=_ON_SOURCE, max_attempts=3)
def drain(label: str) -> None:
    """Leave an effect after the source has left one."""
    Effect.objects.create(label=f"drain {label}", pid=os.getpid())


@job(depends_on=_ON_SOURCE, atomic=True)
def drain_atomically(label: str) -> None:
    """Leave an effect after the source has left one."""
    Effect.objects.create(label=f"drain {label}", pid=os.getpid())


@job(depends_on=_ON_SOURCE, executor="process")
def drain_in_process(label: str) -> None:
    """Leave an effect after the source has left one."""
    Effect.objects.create(label=f"drain {label}", pid=os.getpid())


@job(depends_on=_ON_SOURCE)
async def drain_async(label: str) -> None:
    """Leave an effect after the source has left one."""
    await Effect.objects.acreate(label=f"drain {label}", pid=os.getpid())


@job(depends_on=Dependency(source, None, label=same, how="fail"), max_attempts=2)
def in_vain(label: str) -> None:
    """Depend on what fails."""


@job(depends_on=Dependency(source, None, label=same, how="die"))
def in_mortal_vain(label: str) -> None:
    """Depend on what kills its worker."""


@job(depends_on=Dependency("testproject.ledger.dependent.drain", 1, label=same), max_attempts=3)
def sea(label: str) -> None:
    """Be the third of a chain."""
    Effect.objects.create(label=f"sea {label}", pid=os.getpid())


@job(
    depends_on=[
        Dependency("testproject.ledger.dependent.drain", 1, label=same.left),
        Dependency("testproject.ledger.dependent.drain", 1, label=same.right),
        _ON_SOURCE,
    ],
    unique_key=lambda label, **_: f"delta-{label}",
)
def delta(label: str, left: str, right: str) -> None:
    """Be the bottom of a diamond."""
    Effect.objects.create(label=f"delta {label}", pid=os.getpid())


@job(depends_on=Dependency(source, 1, label=same.days / 0))
def impossible(days: Any) -> None:
    """Depend on what cannot be worked out."""
