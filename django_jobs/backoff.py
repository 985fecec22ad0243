"""How long a job waits after a failed attempt."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from django_jobs.durations import Duration, seconds

#: Seconds, a timedelta, or a callable from the number of failed attempts to one of these.
Backoff = Duration | Callable[[int], Duration]


@dataclass(frozen=True)
class Exponential:
    """Wait ``max(minimum, min(multiplier * 2**n, maximum))`` seconds after the n-th failure.

    The formula and its defaults are those of Repid 1.x: 10, 20, 40 ... 86400 seconds.
    """

    minimum: float = 10
    maximum: float = 86400
    multiplier: float = 5
    max_exponent: int = 15

    def __call__(self, attempt: int) -> float:
        grown: float = self.multiplier * 2.0 ** min(attempt, self.max_exponent)
        return max(self.minimum, min(grown, self.maximum))


DEFAULT = Exponential()


def check(backoff: object) -> Backoff:
    """Return ``backoff`` if it can be used as one, or raise InvalidOption."""
    if callable(backoff):
        return backoff
    return seconds(backoff, "backoff")


def delay(backoff: Backoff, attempt: int, jitter: float = 0.0) -> float:
    """Return the seconds to wait after ``attempt`` failures, up to ``jitter`` of it added.

    Jitter is a share: 0.1 spreads jobs that failed together over a tenth of their delay.
    A policy that fails or returns nonsense must not lose the job: the default one replaces it.
    """
    try:
        base = seconds(backoff(attempt) if callable(backoff) else backoff, "backoff")
    except Exception:  # the job's own policy is the user's code; the job must survive it
        base = DEFAULT(attempt)
    return base * (1 + random.random() * jitter)
