"""What must be true when all is over, read from the ledger and from the rows of the jobs."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from django_jobs.models import Job, Worker
from testproject.ledger.models import Effect


@dataclass
class Audit:
    """What was found: figures, and what is wrong."""

    jobs: int = 0
    effects: int = 0
    #: Jobs with more than one effect.
    repeated: int = 0
    #: Jobs that were charged for more than one run.
    charged: int = 0
    broken: list[str] = field(default_factory=list)

    def require(self, holds: bool, otherwise: str) -> None:
        """Note what is wrong unless it holds."""
        if not holds:
            self.broken.append(otherwise)

    @property
    def line(self) -> str:
        """Return the figures as the end of a sentence."""
        return (
            f"{self.jobs:,} jobs succeeded, {self.effects:,} effects, "
            f"{self.repeated:,} jobs more than once, {self.charged:,} charged for a killed run"
        )


def audit(*, once: bool) -> Audit:
    """Compare the ledger with the jobs, all of which must have succeeded; empty of workers.

    Each job must have left an effect, with ``once`` exactly one.
    """
    found = Audit()
    effects = Counter(Effect.objects.values_list("job", flat=True))
    states = Counter(Job.objects.values_list("state", flat=True))
    ids = set(Job.objects.values_list("pk", flat=True))
    found.jobs, found.effects = states["succeeded"], effects.total()
    found.repeated = sum(count > 1 for count in effects.values())
    found.require(set(states) <= {"succeeded"}, f"not all jobs have succeeded: {dict(states)}")
    lost = ids - effects.keys()
    found.require(not lost, f"{len(lost)} jobs have no effect: {_some(lost)}")
    strange = effects.keys() - ids
    found.require(not strange, f"{len(strange)} effects of no job: {_some(strange)}")
    if once:
        twice = {job for job, count in effects.items() if count > 1}
        found.require(not twice, f"{len(twice)} jobs have more than one effect: {_some(twice)}")
    found.broken += _owned_by_nobody()
    _check_attempts(found)
    return found


def _owned_by_nobody() -> list[str]:
    living = Worker.objects.values("pk")
    orphans = list(Job.objects.running().exclude(worker__in=living).values_list("pk", flat=True))
    return [f"{len(orphans)} jobs run without a worker: {_some(orphans)}"] if orphans else []


def _check_attempts(found: Audit) -> None:
    """Each charged run but the last has left its error, in order, and claims only grow."""
    for row in Job.objects.values("pk", "state", "attempts", "claims", "errors"):
        if row["state"] != "succeeded":
            continue
        attempts, told = row["attempts"], [error["attempt"] for error in row["errors"]]
        found.charged += attempts > 1
        if told != list(range(1, attempts))[-len(told) :] or len(told) != min(attempts - 1, 20):
            found.broken.append(f"job {row['pk']} has attempts={attempts} and errors of {told}")
        if row["claims"] < attempts:
            found.broken.append(f"job {row['pk']} has claims={row['claims']} < {attempts}")


def _some(ids: object) -> str:
    return ", ".join(map(str, sorted(ids)[:10]))  # type: ignore[call-overload]
