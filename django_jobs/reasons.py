"""Why a job is where it is: sentences for people, each with a code for programs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from django_jobs.states import State


class Code(StrEnum):
    """What a reason says, without its numbers and names."""

    # It has ended
    LAST_ERROR = "last_error"
    NOTE = "note"
    KEPT = "kept"
    ENDED_BY = "ended_by"
    # It runs
    NOT_BEGUN = "not_begun"
    PROGRESS = "progress"
    OVER_TIME = "over_time"
    HEARTBEAT_OLD = "heartbeat_old"
    WORKER_GONE = "worker_gone"
    # It is not due
    NOT_DUE = "not_due"
    NOT_PROMOTED = "not_promoted"
    NEXT_ATTEMPT = "next_attempt"
    PARKED = "parked"
    BLOCKED = "blocked"
    WAITS_FOR = "waits_for"
    # It cannot run
    UNKNOWN_FUNCTION = "unknown_function"
    ARGUMENTS_UNFIT = "arguments_unfit"
    QUEUE_PAUSED = "queue_paused"
    NO_WORKER = "no_worker"
    QUEUE_UNSERVED = "queue_unserved"
    WORKERS_QUIET = "workers_quiet"
    UNITS_EXCEEDED = "units_exceeded"
    TAG_MISSING = "tag_missing"
    # It cannot run now
    LIMIT_REACHED = "limit_reached"
    HOST_LIMIT_REACHED = "host_limit_reached"
    UNITS_TAKEN = "units_taken"
    KEY_LIMIT_REACHED = "key_limit_reached"
    KEY_HELD = "key_held"
    QUEUE_LIMIT_REACHED = "queue_limit_reached"
    RATE_REACHED = "rate_reached"
    # Its turn has not come
    WORKERS_BUSY = "workers_busy"
    JOBS_AHEAD = "jobs_ahead"


class Reason(NamedTuple):
    """One sentence, and what it says."""

    code: Code
    text: str
    #: The same without what not everybody may know; empty where the text names nothing like that.
    discreet: str = ""

    def told(self, *, jobs: bool, data: bool) -> str:
        """Return the sentence for somebody who may know of all jobs, or see what jobs hold."""
        may_know = (jobs or self.code not in OF_OTHERS) and (data or self.code not in OF_DATA)
        return self.text if may_know else self.discreet or self.text


#: Reasons that name other jobs.
OF_OTHERS = frozenset(
    {
        Code.ENDED_BY, Code.BLOCKED, Code.WAITS_FOR, Code.LIMIT_REACHED, Code.HOST_LIMIT_REACHED,
        Code.KEY_LIMIT_REACHED, Code.KEY_HELD,
    }
)  # fmt: skip
#: Reasons that repeat what a job was given, or has said.
OF_DATA = frozenset({Code.LAST_ERROR, Code.NOTE, Code.PROGRESS, Code.PARKED, Code.ARGUMENTS_UNFIT})


@dataclass(frozen=True)
class Explanation:
    """Where a job is in its life, and why: a headline, and the reasons, weightiest first."""

    id: int
    name: str
    state: State
    headline: str
    reasons: tuple[Reason, ...] = ()

    def __str__(self) -> str:
        lines = [f"{self.name} #{self.id}: {self.headline}"]
        return "\n".join(lines + [f"- {reason.text}" for reason in self.reasons])

    @property
    def codes(self) -> frozenset[Code]:
        """Return the codes of the reasons."""
        return frozenset(reason.code for reason in self.reasons)

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        return {
            "id": self.id,
            "name": self.name,
            "state": str(self.state),
            "headline": self.headline,
            "reasons": [{"code": str(one.code), "text": one.text} for one in self.reasons],
        }
