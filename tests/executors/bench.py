"""An executor on a bench of its own: claimed jobs go in, what became of them comes out."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from itertools import count
from typing import Any

from django_jobs import JobSpec, engine, enqueue, registry
from django_jobs.executors import AsyncioExecutor, Executor, ProcessExecutor, ThreadExecutor
from django_jobs.judgement import Policy
from django_jobs.limits import Allowance, Room
from django_jobs.models import Job
from django_jobs.notebook import Notes
from django_jobs.outcomes import Claimed, Finished, Outcome
from django_jobs.recorder import FlightRecorder
from tests.rows import RETENTION
from tests.threads import wait_until

#: What holds for jobs of tests that do not say otherwise.
POLICY = Policy(timeout=600, backoff=11, jitter=0, retention=RETENTION, worker="here:1")

_ids = count(1_000_000)


class Witness:
    """Hears what an executor and its jobs tell, in the order told."""

    def __init__(self, recorder: FlightRecorder) -> None:
        self.recorder = recorder
        self.heard: list[tuple[str, int]] = []
        self.notes: list[Notes] = []
        self.cancelled: set[int] = set()
        self.summoned = threading.Event()

    def begun(self, job: Claimed) -> None:
        """Hear that a job is about to run."""
        if ("begun", job.id) not in self.heard:
            self.heard.append(("begun", job.id))
            self.recorder.begin(job.id)

    def ended(self, finished: Finished) -> None:
        """Hear how it ended."""
        self.heard.append(("ended", finished.job.id))

    def expectant(self) -> None:
        """Hear that it is time to collect."""
        self.summoned.set()

    def note(
        self, job: Claimed, *, progress: Mapping[str, Any] | None = None, line: Any = None
    ) -> None:
        """Hear what a job tells."""
        self.notes.append(Notes(job, progress, [] if line is None else [line]))

    def is_cancelled(self, job: Claimed) -> bool:
        """Return whether a test has cancelled the job."""
        return job.id in self.cancelled


class Bench:
    """Holds one executor; what it hands over is kept until a test asks for it."""

    def __init__(self, kind: str, size: int = 2, policy: Policy = POLICY, **how: Any) -> None:
        self.kind = kind
        self.recorder = FlightRecorder.shared(4096)
        self.witness = Witness(self.recorder)
        self.executor: Executor
        if kind == "process":
            self.executor = ProcessExecutor(size, policy, self.witness, self.recorder, **how)
        else:
            plain = AsyncioExecutor if kind == "asyncio" else ThreadExecutor
            self.executor = plain(size, policy, self.witness)
        self._finished: dict[Claimed, Finished] = {}

    def job(self, name: str, /, *args: Any, **fields: Any) -> Claimed:
        """Return a claim of a job that is in no table, with the arguments as they are stored."""
        spec = JobSpec(f"{self.kind}.{name}", args=args)
        made, definition = spec.prepare(), spec.definition
        given = {
            "id": next(_ids),
            "claims": 1,
            "name": made.name,
            "args": made.args or "[]",
            "kwargs": made.kwargs or "{}",
            "attempts": 1,
            "max_attempts": definition.max_attempts,
            "timeout": definition.timeout,
            "priority": 0,
            "memory_limit": definition.memory_limit,
        }
        return Claimed(**{**given, **fields})

    def claim(self, name: str, /, *args: Any) -> tuple[Job, Claimed]:
        """Enqueue and claim a job, and return its row and its claim."""
        row = enqueue(JobSpec(f"{self.kind}.{name}", args=args))
        room = Room(1, free=1)
        allowance = Allowance(registry.limits(), "here", rooms={"": room, "process": room})
        (claimed,) = engine.claim(1, (), 1, starting=True, allowance=allowance, using="default")
        assert claimed.id == row.pk
        return row, claimed

    def submit(self, *jobs: Claimed) -> None:
        """Let jobs run, in this order."""
        self.recorder.expect(job.id for job in jobs)
        self.executor.submit(jobs)

    def cancel(self, *jobs: Claimed) -> None:
        """Cancel jobs, as a worker does whose jobs were taken away."""
        self.witness.cancelled.update(job.id for job in jobs)
        self.executor.cancel([job.id for job in jobs])

    def begun(self, *jobs: Claimed) -> None:
        """Wait until these have begun."""
        wait_until(lambda: all(("begun", job.id) in self.witness.heard for job in jobs))

    def finished(self, *jobs: Claimed) -> list[Finished]:
        """Wait until these have ended, and return how."""
        wait_until(lambda: self._collected(jobs))
        self.recorder.forget(job.id for job in jobs)
        return [self._finished.pop(job) for job in jobs]

    def outcomes(self, *jobs: Claimed) -> list[Outcome]:
        """Wait until these have ended, and return what they came to."""
        return [ended.outcome for ended in self.finished(*jobs)]

    def run(self, name: str, /, *args: Any, **fields: Any) -> Any:
        """Run one job and return what it came to."""
        job = self.job(name, *args, **fields)
        self.submit(job)
        (outcome,) = self.outcomes(job)
        return outcome

    def withdrawn(self, *jobs: Claimed) -> set[Claimed]:
        """Take back these jobs, however long they take to come."""
        taken: set[Claimed] = set()

        def all_are_here() -> bool:
            taken.update(self.executor.withdraw())
            return taken >= set(jobs)

        wait_until(all_are_here)
        return taken

    def told_by(self, job: Claimed) -> tuple[list[Any], Mapping[str, Any] | None]:
        """Return the lines and the latest progress that a job has told."""
        notes = [told for told in self.witness.notes if told.job == job]
        lines = [line["message"] for told in notes for line in told.lines]
        progress = [told.progress for told in notes if told.progress]
        return lines, progress[-1] if progress else None

    def rest(self) -> None:
        """Wait until nothing that a test has left behind is here any more."""
        self.executor.withdraw()
        self.executor.collect()
        self._finished.clear()

    def _collected(self, jobs: Iterable[Claimed]) -> bool:
        self._finished.update((ended.job, ended) for ended in self.executor.collect())
        return self._finished.keys() >= set(jobs)


def is_about(delay: float | None, seconds: float) -> bool:
    """Return whether it is what a backoff says, with the jitter that settings add by default."""
    return delay is not None and seconds <= delay <= seconds * 1.1


BenchMaker = Callable[..., Bench]
