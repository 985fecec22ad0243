"""How many jobs a worker claims at a time."""

from __future__ import annotations

from collections.abc import Sequence

from django_jobs.outcomes import Finished

#: Jobs claimed by one statement at most; beyond this a larger batch gains next to nothing.
LARGEST = 500
#: Seconds of a run from which on smaller claims are made: places would be idle for as long as a
#: large one takes.
UNHURRIED, SMALLER = 0.005, 100
#: Jobs that wait in one line at most: beyond this a longer one gains little.
LONGEST_LINE = 32
#: Seconds of work that may wait in the worker: more would keep it from idle neighbours.
HORIZON = 0.1


def most_owned(concurrency: int) -> int:
    """Return how many jobs a worker of so many places may own at once, at the very most."""
    # Twice: for ordinary places, and for processes.
    return 2 * (concurrency + LARGEST + LARGEST // 2)


class Appetite:
    """Claims what can start at once while jobs are long or unknown, and ahead while they are short.

    One claim costs about as much as the next hundred jobs in it: a worker of short jobs that
    claimed only what it can start would spend its time claiming.
    """

    def __init__(self, concurrency: int) -> None:
        self._concurrency = concurrency
        self._average: float | None = None

    def learn(self, finished: Sequence[Finished]) -> None:
        """Take in how long jobs ran: longer ones count at once, shorter ones little by little."""
        mean = sum(ended.elapsed for ended in finished) / len(finished)
        if self._average is not None:
            mean = max(mean, 0.5 * self._average + 0.5 * mean)
        self._average = mean

    def forget(self) -> None:
        """Claim no more than can start at once until jobs have shown to be short again."""
        self._average = None

    def limit(self, owned: int) -> int:
        """Return how many jobs to claim now, given how many are owned and not finished."""
        free = self._concurrency - owned
        ahead = self._ahead()
        if ahead <= self._concurrency:
            return max(0, free)
        # Refill when half of the stock is gone, not one by one.
        largest = LARGEST
        if self._average is not None and self._average > UNHURRIED:
            largest = max(SMALLER, self._concurrency)
        return min(largest, self._concurrency + ahead - owned) if owned <= ahead // 2 else 0

    @property
    def line(self) -> int:
        """Return how many jobs to claim for one place, where one runs after the other."""
        return max(1, min(LONGEST_LINE, self._ahead() // self._concurrency))

    def _ahead(self) -> int:
        if self._average is None:
            return 0
        # Nothing takes no time at all: the clock has its limits.
        return min(LARGEST, int(HORIZON * self._concurrency / max(self._average, 1e-6)))
