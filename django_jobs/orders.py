"""What workers are told, and what they report. No models here: a new process reads it first."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Order(StrEnum):
    """What a worker is told by its row while it runs."""

    #: Work.
    NONE = ""
    #: Claim nothing more, and go on with what runs.
    QUIET = "quiet"
    #: Stop gracefully, as by SIGTERM. It is not taken back.
    STOP = "stop"


@dataclass(frozen=True)
class WorkerOptions:
    """What one worker is told. None is what the settings say."""

    #: Empty for all.
    queues: tuple[str, ...] = ()
    concurrency: int | None = None
    #: What it carries beside the tags of its machine.
    tags: tuple[str, ...] = ()
    #: How it chooses among queues.
    queue_order: str | None = None
    #: What the jobs that run on this host may take together.
    units: int | None = None
    #: Stop when nothing is due any more.
    burst: bool = False
    max_jobs: int | None = None
    max_seconds: float | None = None
    shutdown_timeout: float | None = None
    #: Write the schedules of the code down: for a worker whose parent may have older code.
    declares: bool = False
    using: str = "default"


@dataclass(frozen=True)
class Report:
    """What a worker has done."""

    processed: int
    succeeded: int
    retried: int
    failed: int
    seconds: float
