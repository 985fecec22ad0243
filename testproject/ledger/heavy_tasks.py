"""JobMaster's tasks that weigh something.

Not imported by jobs.py: a worker of this project counts units only once it has met such a job.
"""

from django_jobs import Dependency, job, same
from testproject.ledger.models import Effect


@job(units=10, write_all=["b"])
def foo(a: int, b: [1, 2, 3]) -> None:  # type: ignore[valid-type]
    """Leave one effect."""
    Effect.objects.create(label=f"heavy foo {a} {b}", pid=0)


@job(
    type_key="heavier_tasks",
    write_all=["b"],
    depends_on=Dependency(foo, 2, a=1, b=same),
    units=20,
)
def bar(a: int, b: [1, 2, 3], c: str) -> None:  # type: ignore[valid-type]
    """Leave one effect, after foo has left its own."""
    Effect.objects.create(label=f"heavy bar {a} {b} {c}", pid=0)
