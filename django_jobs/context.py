"""What a running job knows of its run, and may tell about it."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ForwardRef, NamedTuple, Protocol, get_args

from django_jobs.exceptions import Cancel, InvalidOption, JobTimeout
from django_jobs.faults import storable
from django_jobs.outcomes import Claimed

if TYPE_CHECKING:
    from django_jobs.models import Job

#: The largest number that progress may be told in: beyond, it could not be written down.
MOST = 1e300
#: Characters of a line that is logged, and of a message of progress.
MAX_LINE = 1_000


class Lease(NamedTuple):
    """The right to act for a job, to fence effects outside of the database.

    ``claims`` grows whenever the job changes hands: whoever remembers the highest that it has seen
    of a job, and refuses lower ones, is never disturbed by a worker that was thought dead.
    """

    job: int
    claims: int

    def __str__(self) -> str:
        return f"{self.job}:{self.claims}"


class Desk(Protocol):
    """Who takes what a job tells of itself, and knows whether it shall end."""

    def note(
        self, job: Claimed, *, progress: Mapping[str, Any] | None = None, line: Any = None
    ) -> None:
        """Take in where a job has got to, or a line of its log."""

    def is_cancelled(self, job: Claimed) -> bool:
        """Return whether somebody has cancelled the job, or it was taken away."""


class JobContext:
    """The run of a job. Its methods may be called from any thread, and from coroutines."""

    __slots__ = ("_body", "_claimed", "_deadline", "_desk", "_job", "_limit", "_row")

    def __init__(
        self,
        claimed: Claimed,
        deadline: float | None,
        limit: float,
        desk: Desk,
        row: Callable[[Claimed], Job],
    ) -> None:
        self._claimed = claimed
        self._deadline, self._limit = deadline, limit
        self._desk, self._row = desk, row
        self._job: Job | None = None
        #: What middleware ends in: the call of the job function.
        self._body: Callable[[], Any] = _nothing

    def __repr__(self) -> str:
        return f"<JobContext {self.name} #{self.id}, attempt {self.attempt}>"

    @property
    def id(self) -> int:
        """Return the job's primary key."""
        return self._claimed.id

    @property
    def name(self) -> str:
        """Return the name of the job function."""
        return self._claimed.name

    @property
    def attempt(self) -> int:
        """Return the number of this run: 1 for the first."""
        return self._claimed.attempts

    @property
    def max_attempts(self) -> int:
        """Return how many runs there may be in all."""
        return self._claimed.max_attempts

    @property
    def is_last_attempt(self) -> bool:
        """Return whether a failure of this run is final."""
        return self.attempt >= self.max_attempts

    @property
    def lease(self) -> Lease:
        """Return what fences effects outside of the database."""
        return Lease(self._claimed.id, self._claimed.claims)

    @property
    def job(self) -> Job:
        """Return the job's row. What the claim did not fetch is read when it is asked for."""
        if self._job is None:
            self._job = self._row(self._claimed)
        return self._job

    @property
    def tick(self) -> datetime | None:
        """Return the tick of its schedule that the job was made for; None without one."""
        return self.job.tick

    @property
    def workflow(self) -> int | None:
        """Return the primary key of the workflow that the job is part of, None for none."""
        step = self.job.step
        return None if step is None else step.workflow_id

    @property
    def results(self) -> Mapping[str, Any]:
        """Return the results of the workflow's steps by name; each is read when asked for."""
        step = self.job.step
        return {} if step is None else step.workflow.results()

    @property
    def remaining(self) -> float | None:
        """Return the seconds until the timeout, 0 when it is over; None without a limit."""
        return None if self._deadline is None else max(0.0, self._deadline - time.monotonic())

    @property
    def is_cancelled(self) -> bool:
        """Return whether the job has been cancelled, or taken from this worker, meanwhile."""
        return self._desk.is_cancelled(self._claimed)

    def check(self) -> None:
        """Raise Cancel if the job has been cancelled, JobTimeout if its time is over."""
        if self._desk.is_cancelled(self._claimed):
            raise Cancel("It was cancelled while it ran.")
        if self._deadline is not None and time.monotonic() >= self._deadline:
            raise JobTimeout(self._limit)

    def progress(self, done: float, total: float | None = None, message: str = "") -> None:
        """Tell how far the job has got: written at most twice a second, the last word always."""
        for name, value in (("done", done), ("total", total)):
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            is_finite = is_number and abs(value) <= MOST  # type: ignore[arg-type]
            if not (is_finite or (name == "total" and value is None)):
                raise InvalidOption(f"progress: {name} must be a finite number, not {value!r}.")
        told = {"done": done, "total": total, "message": _line(message), "at": _now()}
        self._desk.note(self._claimed, progress=told)

    def log(self, message: object, *args: object) -> None:
        """Keep a line with the job, as ``message % args``. The last few hundred lines are kept."""
        line = str(message) % args if args else str(message)
        told = {"attempt": self.attempt, "at": _now(), "message": _line(line)}
        self._desk.note(self._claimed, line=told)


def _nothing() -> None:
    """Stand in for the body until there is one."""


def _line(text: object) -> str:
    return storable(str(text)[:MAX_LINE])


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def is_context(parameter: inspect.Parameter, func: Callable[..., Any]) -> bool:
    """Return whether a parameter is annotated JobContext, also as text or with ``| None``."""
    annotation = parameter.annotation
    if isinstance(annotation, ForwardRef):  # what Python 3.14 makes of a name that is not there
        annotation = annotation.__forward_arg__
    if isinstance(annotation, str):
        if "JobContext" not in annotation:
            return False
        with suppress(Exception):  # a name that is there for type checkers alone
            annotation = eval(annotation, getattr(func, "__globals__", {}))  # noqa: S307 - source code
    if isinstance(annotation, str):
        return "JobContext" in {part.strip().rpartition(".")[2] for part in annotation.split("|")}
    return annotation is JobContext or JobContext in get_args(annotation)
