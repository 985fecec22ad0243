"""How one run of a job ended: values that executors hand over and the engine records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class Claimed(NamedTuple):
    """A job that a worker owns, as the claim returns it: ``id`` and ``claims`` fence its writes."""

    id: int
    claims: int
    name: str
    #: JSON texts.
    args: str
    kwargs: str
    attempts: int
    max_attempts: int
    #: Seconds; None for the default, 0 for no limit.
    timeout: float | None
    priority: int
    #: Bytes.
    memory_limit: int | None = None
    #: When it may not begin any more, by the monotonic clock of this machine.
    expires: float | None = None
    queue: str = ""
    #: Since when it could have run, by the monotonic clock of this machine.
    due: float = 0.0
    #: Jobs of one line run one after the other where they were claimed; empty for no line.
    line: str = ""


class Fault(NamedTuple):
    """What went wrong in one attempt, as storable text."""

    exception: str
    message: str
    traceback: str
    #: The same for failures of one kind at one place in the code.
    fingerprint: str = ""


@dataclass(frozen=True, slots=True)
class Succeeded:
    """The function returned; ``result`` is JSON text, None where it returned None."""

    result: str | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """The attempt failed. With a ``delay`` in seconds the job is tried again, else it is over."""

    fault: Fault
    delay: float | None = None


@dataclass(frozen=True, slots=True)
class Snoozed:
    """The job asked to be run again in ``delay`` seconds, at no charge."""

    delay: float


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The job gave up on purpose."""

    reason: str


@dataclass(frozen=True, slots=True)
class Expired:
    """Its time was over before it began: nobody wants it any more."""


@dataclass(frozen=True, slots=True)
class Parked:
    """No function is known by the job's name: tried again in ``delay`` seconds, at no charge."""

    reason: str
    delay: float


@dataclass(frozen=True, slots=True)
class Blocked:
    """The job has not begun: it waits for these jobs, and is run again when they have ended."""

    awaited: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Abandoned:
    """The job was cancelled or taken away while it ran: nothing is recorded."""

    reason: str


Outcome = Succeeded | Failed | Snoozed | Cancelled | Expired | Parked | Blocked | Abandoned


class Finished(NamedTuple):
    """A claimed job and how its run ended."""

    job: Claimed
    outcome: Outcome
    #: Seconds from the start of the run until the end of it, by the worker's clock.
    elapsed: float
    #: When it ended, by the worker's monotonic clock: the engine subtracts, never compares.
    ended: float
    #: Seconds to keep the row; None for the setting of its final state.
    retention: float | None = None
    #: Whether the outcome was recorded already, by who ran it.
    is_recorded: bool = False
    #: Seconds to keep the row at least, if it has succeeded: others depend on it for so long.
    wanted: float = 0.0
