"""What is done to the workers, and what is found when they are gone."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Any

from django_jobs import JobSpec, enqueue_many
from django_jobs.models import Job, Worker
from tests.threads import wait_until
from tests.torture import pressure
from tests.torture.audit import Audit, audit
from tests.torture.executioner import KINDS, Executioner
from tests.torture.fleet import Fleet, Start
from tests.torture.limits import FIFTY, under_fire

#: Flags of a command of the fleet.
FLAGS = ("--concurrency", "4", "--shutdown-timeout", "2", "--no-progress")
TWO_HOSTS = (("--processes", "2", *FLAGS), ("--processes", "1", *FLAGS))

#: Seconds that a scenario without processes may take.
LONGEST = 3600.0

#: Of mixed jobs: which function, and for how many seconds it goes on.
MIXED = (
    ("thread.leave_an_effect", 0.005),
    ("thread.leave_one_effect", 0.02),
    ("thread.leave_an_effect", 1.0),
    ("process.leave_an_effect", 0.005),
    ("process.leave_one_effect", 0.02),
    ("process.leave_an_effect", 0.7),
    ("asyncio.leave_an_effect", 0.05),
    ("asyncio.leave_an_effect", 1.5),
)


@dataclass
class Findings:
    """How one scenario went."""

    scenario: str
    audit: Audit
    kills: Counter[str]
    rescues: list[float]
    seconds: float
    broken: list[str] = field(default_factory=list)

    @property
    def line(self) -> str:
        """Return what is printed of it."""
        kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(self.kills.items()))
        slowest = f"; slowest rescue {max(self.rescues):.2f} s" if self.rescues else ""
        return (
            f"{self.scenario}: {'BROKEN' if self.broken else 'holds'}. "
            f"{self.kills.total()} kills ({kinds}); {self.audit.line}{slowest}; "
            f"{self.seconds:.0f} s"
        )


def exactly_once(start: Start, jobs: int, kills: int, random: Random, **how: Any) -> Findings:
    """Run atomic jobs, in threads and in processes, while processes are killed."""
    return _in_portions(
        "exactly once", "leave_one_effect", start, jobs, kills, random, once=True, **how
    )


def at_least_once(start: Start, jobs: int, kills: int, random: Random, **how: Any) -> Findings:
    """Run the same jobs without a transaction around them."""
    return _in_portions(
        "at least once", "leave_an_effect", start, jobs, kills, random, once=False, **how
    )


def random_moments(start: Start, jobs: int, kills: int, random: Random) -> Findings:
    """Kill at any moment, also while others start or stop, with jobs of all kinds at work."""
    began = time.monotonic()
    fleet = Fleet(start, *TWO_HOSTS)
    executioner = Executioner(fleet, random)
    _expect_staff(fleet)
    for _ in range(kills):
        if _unfinished() < jobs:
            enqueue_many(_mixed(jobs, random))
        if random.random() < 0.75:
            # Else hardly anybody would live to run a job.
            wait_until(partial(_have_ended, _ended() + random.randrange(1, 20)))
        else:
            time.sleep(random.uniform(0, 0.4))
        executioner.strike()
    return _conclude("random moments", executioner, began, once=False)


def deadlocks(start: Start, jobs: int, kills: int, random: Random) -> pressure.Findings:
    """Let all verbs meet on few keys, until so many jobs were made and so many were rescued.

    No process is killed, and none is started: workers are given up while they go on.
    """
    return pressure.Pressure(random).run(
        lambda moved: moved["enqueue"] >= jobs and moved["rescue"] >= kills, within=LONGEST
    )


def limits(start: Start, jobs: int, kills: int, random: Random) -> Any:
    """Run jobs under limits of every kind by fifty workers, and kill one after the other."""
    return under_fire(start, FIFTY, jobs, kills, random)


def _in_portions(
    scenario: str,
    function: str,
    start: Start,
    jobs: int,
    kills: int,
    random: Random,
    *,
    once: bool,
    hosts: tuple[tuple[str, ...], ...] = TWO_HOSTS,
    kinds: tuple[str, ...] = KINDS,
    longest: float = 0.02,
) -> Findings:
    """Enqueue a portion of the jobs for each kill, which comes when some of them have run.

    Those in processes are waited for: they begin later, each worker starts some processes first.
    ``longest`` is the seconds that a job goes on at most after its effect.
    """
    began = time.monotonic()
    fleet = Fleet(start, *hosts)
    executioner = Executioner(fleet, random, kinds)
    for n in range(kills):
        _expect_staff(fleet)
        portion = jobs * (n + 1) // kills - jobs * n // kills
        rows = enqueue_many(_alternating(function, portion, longest, random))
        slowest = [row.pk for row in rows if row.name.startswith("process")]
        enough = random.randrange(max(1, len(slowest) * 3 // 4))
        wait_until(partial(_have_run, slowest, enough))
        executioner.strike()
    return _conclude(scenario, executioner, began, once=once)


def _conclude(scenario: str, executioner: Executioner, began: float, *, once: bool) -> Findings:
    """Let everything come to its end, and audit it."""
    fleet = executioner.fleet
    while unfinished := _unfinished():
        wait_until(partial(_have_less_than, unfinished))  # fails when nothing goes on
    _expect_staff(fleet)  # one that is told to stop before it can hear dies of it
    codes = fleet.leave()
    found = audit(once=once)
    found.require(not any(codes), f"commands ended with codes {codes}")
    wait_until(lambda: not Worker.objects.exists())
    wait_until(lambda: not fleet.left_over())
    return Findings(
        scenario, found, executioner.kills, executioner.rescues, time.monotonic() - began,
        [*executioner.broken, *found.broken],
    )  # fmt: skip


def _have_run(jobs: Sequence[int], enough: int) -> bool:
    return Job.objects.succeeded().filter(pk__in=jobs).count() >= enough


def _expect_staff(fleet: Fleet) -> None:
    wait_until(lambda: all(fleet.workers(command) for command in fleet.commands))


def _ended() -> int:
    return Job.objects.succeeded().count()


def _have_ended(enough: int) -> bool:
    return _ended() >= enough


def _unfinished() -> int:
    return Job.objects.exclude(state__in=["succeeded", "failed", "cancelled"]).count()


def _have_less_than(unfinished: int) -> bool:
    return _unfinished() < unfinished


def _alternating(function: str, count: int, longest: float, random: Random) -> list[JobSpec]:
    return [
        _spec(f"{('thread', 'process')[n % 2]}.{function}", random.uniform(0, longest))
        for n in range(count)
    ]


def _mixed(count: int, random: Random) -> list[JobSpec]:
    return [_spec(*random.choice(MIXED)) for _ in range(count)]


def _spec(function: str, seconds: float) -> JobSpec:
    return JobSpec(func=function, kwargs={"seconds": round(seconds, 4)})
