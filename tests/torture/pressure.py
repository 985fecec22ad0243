"""All verbs at once, on few jobs and fewer keys: who could wait in a circle, does so here."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from random import Random

from django.db.models import Count

from django_jobs import JobSpec, engine
from django_jobs.engine.enqueue import COPY_FROM
from django_jobs.models import Job, Worker
from django_jobs.outcomes import Cancelled, Claimed, Outcome, Parked, Snoozed, Succeeded
from django_jobs.states import FINISHED, LIVE, State
from tests.rows import FAILED, RETRIED, claim, ended, new_job, sql
from tests.threads import DEADLINE, at_once

#: Keys that everybody wants: so few that each is nearly always held, or just given up.
KEYS = [f"key-{n:02}" for n in range(40)]
#: Jobs that are not of the newest so many are left in peace, and pruned.
NEWEST = 400
#: Ready jobs beyond which no more are made.
BACKLOG = 2000
#: Seconds that ended jobs are kept: so few that prune comes upon those that are retried.
KEPT = {"succeeded": 0.05, "failed": 0.2, "cancelled": 0.2}
#: Who does what, and how many of them.
STAFF = {"enqueue": 4, "work": 4, "cancel": 2, "retry": 2, "rescue": 1, "tend": 1, "watch": 1}


@dataclass
class Findings:
    """What was done, and what is wrong."""

    moved: Counter[str]
    deadlocks: int
    seconds: float
    broken: list[str] = field(default_factory=list)

    @property
    def line(self) -> str:
        """Return what is printed of it."""
        moved = ", ".join(f"{verb} {count:,}" for verb, count in sorted(self.moved.items()))
        verdict = "BROKEN" if self.broken else "holds"
        return (
            f"deadlocks: {verdict}. {sum(STAFF.values())} connections at once; "
            f"jobs moved: {moved}; {self.deadlocks} deadlocks; {self.seconds:.0f} s"
        )


class Pressure:
    """Threads with connections of their own, which do as their random numbers say."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._lock = threading.Lock()
        self._over = threading.Event()
        #: How many jobs each verb has moved, and rows it has made or deleted.
        self.moved: Counter[str] = Counter()
        self.broken: list[str] = []
        self._made: list[int] = []
        self._succeeded: Counter[int] = Counter()
        #: Those at work, and those that have left jobs behind.
        self._workers: list[int] = []
        self._dead: list[int] = []

    def run(
        self, is_enough: Callable[[Counter[str]], bool], within: float | None = None
    ) -> Findings:
        """Let all verbs meet until ``is_enough`` of what was moved, and audit what is left.

        It fails when that takes more than ``within`` seconds.
        """
        began, deadlocks = time.monotonic(), _deadlocks()
        staff = [
            partial(self._go_on, getattr(self, f"_{role}"), Random(self._random.random()))
            for role, count in STAFF.items()
            for _ in range(count)
        ]
        until = None if within is None else began + within
        patience = None if within is None else within + DEADLINE
        at_once(*staff, lambda: self._supervise(is_enough, until), within=patience)
        if not self.broken:
            self._drain()
            self._audit()
        found = Findings(self.moved, _deadlocks() - deadlocks, 0, self.broken)
        found.seconds = time.monotonic() - began
        return found

    def _supervise(self, is_enough: Callable[[Counter[str]], bool], until: float | None) -> None:
        while not self._over.wait(0.05) and not is_enough(self.moved):
            if until is not None and time.monotonic() > until:
                self._complain(f"not enough was moved in time: {dict(self.moved)}")
                break
        self._over.set()

    def _go_on(self, role: Callable[[Random], None], random: Random) -> None:
        try:
            while not self._over.is_set():
                role(random)
        except Exception as error:
            self._complain(f"{role.__name__.strip('_')}: {' '.join(repr(error).split())}")
            self._over.set()

    def _note(self, verb: str, count: int) -> None:
        with self._lock:
            self.moved[verb] += count

    def _complain(self, what: str) -> None:
        with self._lock:
            self.broken.append(what)

    # What each does, again and again ---------------------------------------------------------

    def _enqueue(self, random: Random) -> None:
        if Job.objects.ready().count() > BACKLOG:
            time.sleep(0.01)
            return
        count = random.choice([1, 2, 10, 30])
        keys: list[str | None] = [*random.sample(KEYS, count), *[None] * random.randrange(5)]
        if random.random() < 0.1:
            keys = [None] * COPY_FROM
        random.shuffle(keys)
        rows = engine.enqueue([_spec(key, random) for key in keys], using="default")
        for key, row in zip(keys, rows, strict=True):
            if row.unique_key != key:
                self._complain(f"who asked for {key} got {row.unique_key}")
        made = [row.pk for row in rows if row.created]
        with self._lock:
            self._made += made
        self._note("enqueue", len(made))

    def _cancel(self, random: Random) -> None:
        ids = self._some(random, random.choice([1, 5, 30]))
        self._note("cancel", len(engine.cancel(ids, retention=KEPT["cancelled"], using="default")))

    def _retry(self, random: Random) -> None:
        ids = self._some(random, random.choice([1, 5, 100]))
        self._note("retry", engine.retry(ids, using="default"))

    def _work(self, random: Random) -> None:
        with self._hired() as worker:
            for _ in range(random.randrange(1, 20)):
                claimed = claim(worker, limit=random.choice([1, 5, 50]))
                self._note("claim", len(claimed))
                if len({job.id for job in claimed}) < len(claimed):
                    self._complain("a claim brought a job twice")
                random.shuffle(claimed)
                cut = random.randrange(len(claimed) + 1) if random.random() < 0.2 else 0
                self._note("release", len(engine.release(claimed[:cut], using="default")))
                if claimed[cut:]:
                    self._finish(claimed[cut:], random)
            # And dies in the middle of its work.
            self._note("claim", len(claim(worker, limit=10)))

    @contextmanager
    def _hired(self) -> Iterator[int]:
        worker = _register()
        with self._lock:
            self._workers.append(worker)
        yield worker
        with self._lock:
            self._workers.remove(worker)
            self._dead.append(worker)

    def _finish(self, claimed: Sequence[Claimed], random: Random) -> None:
        started = [(job.id, job.claims, 0.1) for job in claimed[::2]]
        engine.mark_started(started, using="default")
        finished = [ended(job, random.choice(OUTCOMES)) for job in claimed]
        lost = engine.finish(finished, worker="here:1", retention=KEPT, using="default")
        self._note("finish", len(finished) - len(lost))
        good = [one.job.id for one in finished if type(one.outcome) is Succeeded]
        with self._lock:
            self._succeeded.update(set(good) - lost)

    def _rescue(self, random: Random) -> None:
        with self._lock:
            workers, self._dead = self._dead, []
            if self._workers and random.random() < 0.3:
                # One that lives, and was only slow: what it writes from now on has to miss.
                workers = [*workers, random.choice(self._workers)]
        rescued = engine.rescue(workers, reason="lost", retention=KEPT, using="default")
        # And those that work on without a row.
        rescued += engine.rescue_dead(timeout=600, retention=KEPT, using="default")
        self._note("rescue", len(rescued))
        time.sleep(0.01)

    def _tend(self, random: Random) -> None:
        self._note("promote", engine.promote(using="default", batch=100))
        self._note("prune", engine.prune(using="default", batch=100))
        time.sleep(random.choice([0, 0.01]))

    def _watch(self, random: Random) -> None:
        self._check_keys()
        time.sleep(0.01)

    def _some(self, random: Random, count: int) -> list[int]:
        newest = self._made[-NEWEST:]
        return random.sample(newest, min(count, len(newest)))

    # When all is over ------------------------------------------------------------------------

    def _drain(self) -> None:
        """Let everything come to its end."""
        worker = _register()
        everybody = [*Worker.objects.exclude(pk=worker).values_list("pk", flat=True)]
        engine.rescue(everybody, reason="lost", retention=KEPT, using="default")
        engine.rescue_dead(timeout=600, retention=KEPT, using="default")
        while Job.objects.filter(state__in=LIVE).exists():
            engine.promote(using="default")
            finished = [ended(job) for job in claim(worker, limit=1000)]
            lost = engine.finish(finished, worker="here:1", retention=KEPT, using="default")
            if lost:
                self._complain(f"{len(lost)} jobs were lost to nobody")
            self._succeeded.update(one.job.id for one in finished)
        engine.deregister(worker, using="default")

    def _audit(self) -> None:
        self._check_keys()
        states = dict(Job.objects.values_list("pk", "state"))
        if len(states) + self.moved["prune"] != len(self._made):
            self._complain(
                f"{len(self._made)} jobs were made; {len(states)} are there, "
                f"{self.moved['prune']} were pruned"
            )
        if strange := states.keys() - set(self._made):
            self._complain(f"{len(strange)} jobs were made by nobody")
        if open_ended := [job for job, state in states.items() if state not in FINISHED]:
            self._complain(f"{len(open_ended)} jobs have not ended")
        if again := [job for job, times in self._succeeded.items() if times > 1]:
            self._complain(f"{len(again)} jobs have succeeded more than once")
        undone = [job for job in self._succeeded if states.get(job, "succeeded") != "succeeded"]
        if undone:
            self._complain(f"the success of {len(undone)} jobs was undone")
        told = {job for job, state in states.items() if state == State.SUCCEEDED}
        if untold := told - self._succeeded.keys():
            self._complain(f"nobody was told of the success of {len(untold)} jobs")

    def _check_keys(self) -> None:
        live = Job.objects.filter(state__in=LIVE, unique_key__isnull=False).order_by()
        twice = live.values("unique_key").annotate(holders=Count("pk")).filter(holders__gt=1)
        if doubles := list(twice.values_list("unique_key", flat=True)):
            self._complain(f"held twice: {doubles}")


#: How runs end.
OUTCOMES: list[Outcome] = [
    Succeeded(), Succeeded(), FAILED, FAILED, RETRIED, Snoozed(0.01), Parked("unknown", 0.0),
    Cancelled("enough"),
]  # fmt: skip


def _spec(key: str | None, random: Random) -> JobSpec:
    return new_job(
        unique_key=key,
        queue=random.choice(["default", "mail"]),
        priority=random.randrange(3),
        max_attempts=random.randrange(1, 4),
        scheduled_at=random.choice([None, None, timedelta(milliseconds=5)]),
    )


def _register() -> int:
    return engine.register(
        hostname="here", pid=1, queues=(), concurrency=10, version="", using="default"
    )


def _deadlocks() -> int:
    """Return how many deadlocks the server has ended in this database."""
    sql("SELECT pg_stat_clear_snapshot()")
    ((count,),) = sql("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
    return int(count)
