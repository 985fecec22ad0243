"""How long a job waits after a failed attempt."""

from __future__ import annotations

import inspect
import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from django_jobs.durations import Duration, seconds

if TYPE_CHECKING:
    from django_jobs.models import Job

#: Seconds, a timedelta, a callable from the number of failed attempts to one of these, or a
#: callable of the exception and the job.
Backoff = Duration | Callable[[int], Duration] | Callable[[BaseException, "Job"], Duration]


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


def delay(
    backoff: Backoff,
    attempt: int,
    jitter: float = 0.0,
    *,
    error: BaseException | None = None,
    job: Callable[[], Job] | None = None,
) -> float:
    """Return the seconds to wait after ``attempt`` failures, up to ``jitter`` of it added.

    Jitter is a share: 0.1 spreads jobs that failed together over a tenth of their delay.
    A policy that fails or returns nonsense must not lose the job: the default one replaces it.
    """
    try:
        base = seconds(_asked(backoff, attempt, error, job), "backoff")
    except Exception:  # the job's own policy is the user's code; the job must survive it
        base = DEFAULT(attempt)
    return base * (1 + random.random() * jitter)


def _asked(backoff: Any, attempt: int, error: Any, job: Callable[[], Job] | None) -> Any:
    if not callable(backoff):
        return backoff
    if takes_error(backoff):
        return backoff(error, job and job())
    return backoff(attempt)


@lru_cache(maxsize=1000)
def takes_error(backoff: Callable[..., Any]) -> bool:
    """Return whether a policy wants the exception and the job: it needs two arguments."""
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    try:
        parameters = inspect.signature(backoff).parameters.values()
    except (TypeError, ValueError):  # some callables in C tell nothing of themselves
        return False
    return sum(p.kind in kinds and p.default is p.empty for p in parameters) == 2
