"""manage.py jobs stats."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django_jobs import figures, roster, wording
from django_jobs.conf import options
from django_jobs.figures import Figures, QueueFigures
from django_jobs.roster import RosterEntry
from django_jobs.terminal.base import Subcommand
from django_jobs.terminal.tables import ago, columns

#: Seconds that the throughput is told of.
WINDOW = 300.0
#: The states that are counted: what has ended well is history.
STATES = ("ready", "running", "scheduled", "blocked", "failed")


class Stats(Subcommand):
    """Tells how full the queues are, and how fast they go."""

    name = "stats"
    help = "Tell of each queue how many jobs are in it, how long they wait, and how fast it goes."

    def run(self, given: Mapping[str, Any]) -> int:
        """Tell."""
        found, workers = look(self.using)
        self.output.say(f"{queue_table(found)}\n\n{worker_line(workers)}", as_data(found, workers))
        return 0


def look(using: str) -> tuple[Figures, list[RosterEntry]]:
    """Return the figures of the queues, and the workers."""
    found = figures.figures(window=WINDOW, using=using)
    return found, roster.workers(using=using)


def queue_table(found: Figures) -> str:
    """Return one line for each queue."""
    if not found.queues:
        return "There are no queues yet."
    heading = (
        "QUEUE", *(state.upper() for state in STATES), "OLDEST WAITS", "DONE/MIN", "FAILED/MIN", "",
    )  # fmt: skip
    rows = [
        (
            one.name,
            *(_count(found, one, state) for state in STATES),
            "-" if one.oldest is None else wording.span(one.oldest),
            f"{one.per_minute.get('succeeded', 0.0):,.1f}",
            f"{one.per_minute.get('failed', 0.0):,.1f}",
            _paused(one),
        )
        for one in found.queues
    ]
    return columns(heading, rows, right="12345678")


def worker_line(workers: Iterable[RosterEntry]) -> str:
    """Return how many workers give signs of life, and how many do not."""
    workers = list(workers)
    if not workers:
        return "No worker is alive."
    late = [one for one in workers if is_late(one)]
    places = sum(one.concurrency for one in workers if one not in late)
    alive = len(workers) - len(late)
    text = f"{wording.counted(alive, 'worker')} with {wording.counted(places, 'place')}"
    return f"{text}; {len(late):,} without a heartbeat." if late else f"{text}."


def is_late(worker: RosterEntry) -> bool:
    """Return whether a worker has given no sign of life for too long."""
    return worker.heartbeat > options().heartbeat_timeout


def as_data(found: Figures, workers: Iterable[RosterEntry]) -> dict[str, Any]:
    """Return all of it for programs."""
    return {
        "queues": [
            {
                "name": one.name,
                **{state: one.counts[state] for state in STATES},
                "capped": [state for state in STATES if found.is_capped(one.name, state)],
                "oldest_seconds": one.oldest,
                "paused_at": one.paused_at,
                "resume_at": one.resume_at,
                "per_minute": {
                    state: round(one.per_minute.get(state, 0.0), 3)
                    for state in ("succeeded", "failed", "cancelled")
                },
            }
            for one in found.queues
        ],
        "window_seconds": WINDOW,
        "workers": [{**one._asdict(), "late": is_late(one)} for one in workers],
    }


def _count(found: Figures, queue: QueueFigures, state: str) -> str:
    return f"{queue.counts[state]:,}{'+' if found.is_capped(queue.name, state) else ''}"


def _paused(queue: QueueFigures) -> str:
    if queue.paused_at is None:
        return ""
    return "paused" if queue.resume_at is None else f"paused, resumes {ago(queue.resume_at)}"
