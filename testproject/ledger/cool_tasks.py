"""JobMaster's tasks with values to choose from, all of them at once, and what depends on one."""

import os

from django_jobs import Dependency, job, same
from testproject.ledger.models import Effect


@job(type_key="cool_tasks", write_all=["b"])
def foo(a: int, b: [1, 2, 3]) -> None:  # type: ignore[valid-type]
    """Leave one effect."""
    Effect.objects.create(label=f"foo {a} {b}", pid=os.getpid())


@job(
    type_key="cool_tasks",
    write_all=["b"],
    depends_on=Dependency(foo, 2, a=1, b=same),
)
def bar(a: int, b: [1, 2, 3], c: str) -> None:  # type: ignore[valid-type]
    """Leave one effect, after foo has left its own."""
    Effect.objects.create(label=f"bar {a} {b} {c}", pid=os.getpid())
