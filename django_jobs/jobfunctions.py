"""What ``@job`` makes of a function, as type checkers see it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import (
    TYPE_CHECKING,
    Any,
    Concatenate,
    ParamSpec,
    Protocol,
    TypedDict,
    TypeVar,
    overload,
)

from django_jobs import backoff, options
from django_jobs.capabilities import Executor
from django_jobs.context import JobContext
from django_jobs.dependencies import Dependency
from django_jobs.rates import Rate
from django_jobs.specs import JobSpec

if TYPE_CHECKING:
    from django_jobs.models import Job, Queue

#: What a function takes when it is called, and what when it is enqueued.
Called = ParamSpec("Called")
P = ParamSpec("P")
#: One of these, and not what has room for them: ``object`` is an argument like any other.
Context = TypeVar("Context", JobContext, JobContext | None)
R_co = TypeVar("R_co", covariant=True)

_Exceptions = type[BaseException] | tuple[type[BaseException], ...]


class Defaults(TypedDict, total=False):
    """The options of ``@job`` that several functions can have in common; None is not given."""

    queue: str | Queue | None
    priority: int | None
    max_attempts: int | None
    retries: int | None
    backoff: backoff.Backoff | None
    retry_on: _Exceptions | None
    give_up_on: _Exceptions | None
    timeout: options.Timeout | None
    memory_limit: int | None
    executor: Executor | None
    unique_key: options.UniqueKey | None
    kwargs: dict[str, Any] | None
    retention: options.Timeout | None
    atomic: bool | None
    units: int | None
    max_running: int | None
    max_running_per_host: int | None
    concurrency_key: options.UniqueKey | None
    max_running_per_key: int | None
    ordered: bool | None
    rate_limit: str | Rate | None
    rate_limit_per_key: str | Rate | None
    expires_after: options.Timeout | None
    type_key: str | None
    write_all: bool | str | Sequence[str] | None
    depends_on: Dependency | Sequence[Dependency] | None
    takes_context: bool | None


class Declared(Defaults, total=False):
    """The options of ``@job``."""

    name: str | None
    aliases: str | Sequence[str] | None


class JobFunction(Protocol[Called, P, R_co]):
    """A function that ``@job`` was put on: called it runs here and now, unchanged.

    It is enqueued with what it is called with, but for a context that comes first.
    """

    __name__: str
    __qualname__: str
    __module__: str

    @property
    def job(self) -> JobSpec:
        """The immutable description of a job that runs this function."""

    def __call__(self, *args: Called.args, **kwargs: Called.kwargs) -> R_co:
        """Run the function, here and now."""

    def enqueue(self, *args: P.args, **kwargs: P.kwargs) -> Job:
        """Make a job that runs the function with these arguments, in the caller's transaction."""

    async def aenqueue(self, *args: P.args, **kwargs: P.kwargs) -> Job:
        """See enqueue()."""


class JobDecorator(Protocol):
    """What ``@job(…)`` makes of its options."""

    @overload
    def __call__(
        self, function: Callable[Concatenate[Context, P], R_co], /
    ) -> JobFunction[Concatenate[Context, P], P, R_co]: ...

    @overload
    def __call__(self, function: Callable[P, R_co], /) -> JobFunction[P, P, R_co]: ...
