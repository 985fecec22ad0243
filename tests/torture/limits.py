"""Limits of every kind while those who hold permits are killed: never exceeded, never lost."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Any

from django_jobs import enqueue_many
from django_jobs.models import Job, Worker
from testproject.ledger import limited
from testproject.ledger.models import Effect
from tests.threads import wait_until
from tests.torture import starts

#: The flags of each command of a host with fifty workers.
FIFTY = (("--processes", "25", "--concurrency", "2", "--units", "20", "--no-progress"),) * 2
KEYS = ("a", "b", "c")
#: What may run at one time: of a key, of heavy ones, and by the units of the host beside others.
PER_KEY, HEAVY = 2, 3
#: Jobs that may start in a second.
RATE = 25


@dataclass
class Findings:
    """How it went."""

    jobs: int
    kills: int
    seconds: float
    most: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)

    @property
    def line(self) -> str:
        """Return what is printed of it."""
        most = ", ".join(f"{name} {count}" for name, count in sorted(self.most.items()))
        return (
            f"limits: {'BROKEN' if self.broken else 'holds'}. {self.jobs:,} jobs, "
            f"{self.kills} workers killed; at one time at most: {most}; {self.seconds:.0f} s"
        )


@starts.written_down(str(limited.run_at_a_rate.job.func))
def under_fire(
    start: Callable[..., Any],
    commands: Sequence[tuple[str, ...]],
    jobs: int,
    kills: int,
    random: Random,
) -> Findings:
    """Run jobs under limits by these commands, kill workers meanwhile, and audit the ledger."""
    began = time.monotonic()
    enqueue_many(spec for number in range(jobs // 4) for spec in _specs(str(number)))
    total = Job.objects.count()
    running = [start(*flags) for flags in commands]
    killed = 0
    while killed < kills and Job.objects.succeeded().count() < total:
        done = Job.objects.succeeded().count()
        wait_until(partial(_has_grown, done))
        pids = list(Job.objects.running().values_list("worker__pid", flat=True).distinct())
        pids = [pid for pid in pids if pid]
        if pids:
            killed += _kill(random.choice(pids))
    while (left := total - Job.objects.succeeded().count()) > 0:
        wait_until(partial(_has_grown, total - left))
    for one in running:
        one.send(signal.SIGTERM)
    for one in running:
        one.ends()
    found = _audit(total, killed, time.monotonic() - began)
    if Worker.objects.exists() or Job.objects.running().exists():
        found.broken.append("somebody still holds something")
    return found


def _has_grown(done: int) -> bool:
    return Job.objects.succeeded().count() > done


def _specs(label: str) -> Sequence[Any]:
    key = KEYS[int(label) % len(KEYS)]
    return [
        limited.run_two_per_key.job.with_kwargs(label=label, key=key),
        limited.run_in_order.job.with_kwargs(label=label, key=key),
        limited.run_at_a_rate.job.with_kwargs(label=label),
        limited.run_three_heavy_ones.job.with_kwargs(label=label),
    ]


def _kill(pid: int) -> int:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
        # Well before anybody can have rescued its jobs.
        Effect.objects.create(label="killed: ", pid=pid)
        return 1
    return 0


def _audit(jobs: int, kills: int, seconds: float) -> Findings:
    """Play the ledger back: what runs at each instant, and in which order keys went on."""
    found = Findings(jobs, kills, seconds)
    running: dict[str, int] = {}
    order: dict[str, list[int]] = defaultdict(list)
    ends = Counter[str]()
    for label, pid in Effect.objects.order_by("made_at", "pk").values_list("label", "pid"):
        name, _, what = label.partition(": ")
        if name == "killed":
            running = {one: by for one, by in running.items() if by != pid}
        elif what == "begun":
            running[name] = pid
            _count(running, found)
            if name.startswith("order"):
                _follow(name, order, found)
        else:
            running.pop(name, None)
            ends[name] += 1
    if len(ends) != jobs:
        found.broken.append(f"{jobs - len(ends)} jobs have not ended in the ledger")
    found.most["starts a second"] = starts.most_in_a_second()
    if found.most["starts a second"] > RATE:
        found.broken.append(f"{found.most['starts a second']} have started in one second")
    return found


def _count(running: dict[str, int], found: Findings) -> None:
    kinds = Counter(name.partition("/")[0] for name in running)
    for kind, count in kinds.items():
        found.most[kind.split(" ")[0]] = max(found.most[kind.split(" ")[0]], count)
        most = {"key": PER_KEY, "order": 1, "heavy": HEAVY}.get(kind.split(" ")[0])
        if most is not None and count > most:
            found.broken.append(f"{count} of {kind} were running at one time, not {most}")


def _follow(name: str, order: dict[str, list[int]], found: Findings) -> None:
    key, _, label = name.partition("/")
    number = int(label)
    if order[key] and number < order[key][-1]:
        found.broken.append(f"{name} began after {order[key][-1]}")
    order[key].append(number)
