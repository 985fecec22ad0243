"""Every error this project raises on purpose, and the three that a job raises to steer itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from difflib import get_close_matches

from django.core.exceptions import ImproperlyConfigured


class JobsError(Exception):
    """Base of every error of this project. Do not raise directly."""


def did_you_mean(wrong: str, known: Iterable[str]) -> str:
    """Return `` Did you mean 'x'?`` for the known word nearest to ``wrong``, or nothing."""
    nearest = get_close_matches(wrong, list(known), n=1)
    return f" Did you mean {nearest[0]!r}?" if nearest else ""


class InvalidSettings(JobsError, ImproperlyConfigured):
    """The setting ``DJANGO_JOBS`` holds something that cannot be used."""


class InvalidOption(JobsError, ValueError):
    """An option of a job has a value that makes no sense."""


class UnknownOption(JobsError, TypeError):
    """An option was given that does not exist."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        known = sorted(known)
        super().__init__(
            f"Unknown option {name!r}.{did_you_mean(name, known)} "
            f"The options are: {', '.join(known)}."
        )


class UnsupportedOption(JobsError, ValueError):
    """An option was given that the job's executor cannot enforce."""


class UnknownJob(JobsError, LookupError):
    """No job function is known under a name, and none may be imported by it."""

    def __init__(self, name: str, reason: str = "", known: Iterable[str] = ()) -> None:
        self.name = name
        reason = reason or "it is not registered and cannot be imported."
        super().__init__(f"No job function is named {name!r}: {reason}{did_you_mean(name, known)}")


class UnknownQueue(JobsError, LookupError):
    """A job was sent to a queue that is not declared, and STRICT_QUEUES is on."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        known = sorted(known)
        super().__init__(
            f"The queue {name!r} is not declared.{did_you_mean(name, known)} Declare it in "
            f"DJANGO_JOBS['QUEUES'] (now: {', '.join(known) or 'none'}) or turn "
            f"DJANGO_JOBS['STRICT_QUEUES'] off."
        )


class DuplicateJobName(JobsError, ValueError):
    """Two different functions were registered under one name."""

    def __init__(self, name: str, first: str, second: str) -> None:
        super().__init__(
            f"The job name {name!r} is taken by {first}; {second} needs another: @job(name=...)."
        )


class NotStorable(JobsError, TypeError):
    """A value cannot be stored with a job; the message says where it sits and what to do."""

    def __init__(self, path: str, reason: str) -> None:
        self.path = path
        self.reason = reason
        super().__init__(f"{path}: {reason}")


class InvalidArgument(JobsError, ValueError):
    """An argument is none of the values that its parameter takes."""

    def __init__(
        self, function: str, parameter: str, value: object, known: Sequence[object], *, covers: str
    ) -> None:
        """``covers`` is the word that can be made to stand for all values."""
        self.parameter = parameter
        told = ", ".join(repr(one) for one in known[:20])
        more = f" … ({len(known)} in all)" if len(known) > 20 else ""
        if isinstance(value, str) and value == covers:
            hint = (
                f" To let {covers!r} stand for each of them, declare it: "
                f"@job(write_all=[{parameter!r}])."
            )
        else:
            hint = _nearest(value, known)
        super().__init__(
            f"{function}: {parameter} must be one of {told}{more}, not {value!r:.200}.{hint}"
        )


def _nearest(value: object, known: Sequence[object]) -> str:
    numbers = [one for one in known if isinstance(one, int | float)]
    if isinstance(value, int | float) and numbers:
        nearest = min(numbers, key=lambda one: abs(one - value))
        return f" Did you mean {nearest!r}?"
    by_text = {str(one): one for one in known}
    found = get_close_matches(str(value)[:200], by_text, n=1)
    return f" Did you mean {by_text[found[0]]!r}?" if found else ""


class JobGone(JobsError, LookupError):
    """The row of a job that was waited for has been deleted: it ended and was pruned."""


class WaitTimeout(JobsError, TimeoutError):
    """A job that was waited for did not end in time."""


class WaitInTransaction(JobsError, RuntimeError):
    """Waiting inside a transaction would never end: its job is invisible to every worker."""


class InvalidDependency(JobsError, ValueError):
    """What a job depends on cannot be worked out; stored on the job like any other error."""


class DependencyFailed(JobsError):
    """A job that another one waited for has not succeeded, so that the other one never ran."""

    def __init__(self, name: str, key: int, how: str) -> None:
        super().__init__(f"It waited for {name} #{key}, which {how}")


class UniqueKeyContended(JobsError, RuntimeError):
    """A unique key changed hands again and again while a job was being enqueued under it."""


class UniqueKeyHeld(JobsError, ValueError):
    """A job of a workflow asks for a unique key that another job holds: nothing was enqueued."""

    def __init__(self, key: str, holder: str) -> None:
        super().__init__(
            f"The unique key {key!r} is held by {holder}, so that the workflow would lack a job: "
            f"nothing of it was enqueued. Wait until that job has ended, cancel it, or give the "
            f"job of the workflow another key."
        )


class JobTimeout(JobsError, TimeoutError):
    """A run took longer than its job allows; another attempt may do better."""

    def __init__(self, limit: float) -> None:
        super().__init__(f"The job ran longer than its limit of {limit:g} seconds.")


class MemoryLimitExceeded(JobsError, MemoryError):
    """A run took more memory than its job allows."""

    def __init__(self, limit: int, what: str) -> None:
        super().__init__(f"The job took more memory than its limit of {limit:,} bytes: {what}.")


class ClaimLost(JobsError):
    """A job changed hands while it ran: what it did in its transaction was rolled back."""


class TransactionLeftOpen(JobsError, RuntimeError):
    """An atomic job ended inside a transaction of its own, so that nothing could be committed."""


class ProcessDied(JobsError):
    """The process that a job ran in ended; stored on the job like any other error."""

    def __init__(self, cause: str) -> None:
        super().__init__(f"The process in which the job ran {cause}.")


class WorkerLost(JobsError):
    """The worker that ran a job died or was cut off; stored on the job like any other error."""


class WorkerCannotStart(JobsError):
    """Worker processes die again and again before they begin to work."""

    def __init__(self, times: int, cause: str) -> None:
        super().__init__(
            f"A worker process failed to start {times} times in a row; the last one {cause}. "
            f"What it printed above says why."
        )


class JobControl(JobsError):
    """Base of what a job raises to steer itself. Do not raise directly."""


class Retry(JobControl):
    """Raised in a job: this attempt failed; try again after ``delay`` (seconds or timedelta).

    Without a delay the job's own backoff holds. The attempt is charged.
    """

    def __init__(self, delay: float | timedelta | None = None, message: str = "") -> None:
        self.delay = delay
        super().__init__(message or "The job asked to be retried.")


class Snooze(JobControl):
    """Raised in a job: not now; run again after ``delay``. The attempt is not charged."""

    def __init__(self, delay: float | timedelta) -> None:
        self.delay = delay
        super().__init__(f"The job asked to sleep for {delay}.")


class Cancel(JobControl):
    """Raised in a job: give up for good, without calling it a failure."""

    def __init__(self, reason: str = "") -> None:
        self.reason = reason
        super().__init__(reason or "The job cancelled itself.")
