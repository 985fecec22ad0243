"""What a job may do, well or badly, for each executor: the same function runs in each of them.

The names are ``thread.…``, ``process.…`` and ``asyncio.…``.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Callable
from typing import Any

from django_jobs import Cancel, JobContext, Retry, Snooze
from django_jobs.definitions import define
from django_jobs.models import Job
from django_jobs.registry import register
from testproject.ledger.models import Effect

#: Seconds after which a trial stops waiting for what no test does.
PATIENCE = 60.0

Function = Callable[..., Any]


def trial(*executors: str, **declared: Any) -> Callable[[Function], Function]:
    """Register a function for each of the executors: thread and process unless named."""

    def decorate(function: Function) -> Function:
        name = function.__name__.removesuffix("_async")
        for executor in executors or ("thread", "process"):
            register(define(function, f"{executor}.{name}", executor, **declared))
        return function

    return decorate


@trial()
def give_back(*args: Any, **kwargs: Any) -> Any:
    """Return what was given."""
    return [list(args), kwargs]


@trial("asyncio")
async def give_back_async(*args: Any, **kwargs: Any) -> Any:
    """Return what was given."""
    await asyncio.sleep(0)
    return [list(args), kwargs]


@trial("process")
async def give_back_from_coroutine(value: Any) -> Any:
    """Return what was given, from a coroutine function in a process."""
    await asyncio.sleep(0)
    return value


@trial()
def nothing() -> None:
    """Do nothing."""


@trial("asyncio")
async def nothing_async() -> None:
    """Do nothing."""


@trial(max_attempts=3, backoff=7)
def go_wrong(how: str) -> None:
    """End in one of many ways."""
    _go_wrong(how)


@trial("asyncio", max_attempts=3, backoff=7)
async def go_wrong_async(how: str) -> None:
    """End in one of many ways."""
    _go_wrong(how)


def _go_wrong(how: str) -> None:
    match how:
        case "retry at once":
            raise Retry
        case "retry never mind when":
            raise Retry("soon")  # type: ignore[arg-type]
        case "cancel unprintably":
            raise Cancel(_unprintable()())  # type: ignore[arg-type]
        case "exit while told":
            raise _unprintable(SystemExit(3))
        case "raise":
            raise ValueError("it went wrong")
        case "retry":
            raise Retry(3)
        case "snooze":
            raise Snooze(5)
        case "cancel":
            raise Cancel("nobody wants it")
        case "exit":
            sys.exit(7)
        case "interrupt":
            raise KeyboardInterrupt
        case "base":
            raise BaseException("the root of it all")
        case "cancelled by itself":
            raise asyncio.CancelledError("of its own accord")
        case "nul":
            raise ValueError("a NUL \x00 and half a pair \ud800")
        case "group":
            raise ExceptionGroup("several", [ValueError("one"), TypeError("two")])
        case "unpicklable":
            raise _unpicklable()("cannot travel")
        case "unprintable":
            raise _unprintable()
        case "deep":
            _go_wrong("deep")


def wait_as_told(error: BaseException, job: Job) -> float:
    """Return a delay that is made from the error and the job: a backoff."""
    return 100 * len(error.args) + 10 * job.attempts + len(job.queue)


@trial(max_attempts=3, backoff=wait_as_told, retry_on=(LookupError,), give_up_on=(KeyError,))
def choose_errors(error: str) -> None:
    """Raise one of the errors that are tried again, or not."""
    raise _ERRORS[error]


@trial(
    "asyncio", max_attempts=3, backoff=wait_as_told, retry_on=(LookupError,), give_up_on=(KeyError,)
)
async def choose_errors_async(error: str) -> None:
    """Raise one of the errors that are tried again, or not."""
    raise _ERRORS[error]


_ERRORS = {
    "retried": IndexError("one", "two"),
    "given up": KeyError("one"),
    "not named": ValueError("one"),
}


def _unpicklable() -> type[Exception]:
    class Unpicklable(Exception):
        def __reduce__(self) -> Any:
            raise TypeError("I stay here")

    return Unpicklable


def _unprintable(instead: BaseException | None = None) -> type[Exception]:
    class Unprintable(Exception):
        def __str__(self) -> str:
            raise instead or RuntimeError("no text for you")

    return Unprintable


@trial(max_attempts=3, backoff=7)
def return_unstorable(what: str) -> Any:
    """Return what cannot be stored."""
    return _unstorable(what)


@trial("asyncio", max_attempts=3, backoff=7)
async def return_unstorable_async(what: str) -> Any:
    """Return what cannot be stored."""
    return _unstorable(what)


def _unstorable(what: str) -> Any:
    return {
        "set": {1, 2},
        "nan": float("nan"),
        "nul": "a\x00b",
        "surrogate": "\ud800",
        "object": object(),
        "open file": sys.stdin,
    }[what]


@trial(timeout=0.3, max_attempts=2, backoff=7)
def sleep_too_long() -> None:
    """Sleep past the timeout, in small steps, where Python can hear a signal."""
    sleep(PATIENCE)


@trial("asyncio", timeout=0.3, max_attempts=2, backoff=7)
async def sleep_too_long_async() -> None:
    """Sleep past the timeout."""
    await asyncio.sleep(PATIENCE)


@trial(takes_context=True)
def ask_context(context: JobContext, value: Any = None) -> dict[str, Any]:
    """Return what the context says."""
    return _asked(context, value)


@trial("asyncio", takes_context=True)
async def ask_context_async(context: JobContext, value: Any = None) -> dict[str, Any]:
    """Return what the context says."""
    return _asked(context, value)


def _asked(context: JobContext, value: Any) -> dict[str, Any]:
    context.log("asked about %s", value)
    context.progress(1, 2, "half way")
    context.check()
    return {
        "value": value,
        "id": context.id,
        "attempt": context.attempt,
        "lease": str(context.lease),
        "name": context.job.name,
        "remaining": context.remaining,
        "cancelled": context.is_cancelled,
    }


@trial(timeout=0.3, max_attempts=2, backoff=7)
def check_until_stopped(label: str, context: JobContext) -> None:
    """Ask the context again and again, until it says stop."""
    Effect.objects.create(label=label, pid=os.getpid())
    check(context)


@trial("asyncio")
async def pause_async(seconds: float) -> None:
    """Wait for a while."""
    await asyncio.sleep(seconds)


@trial()
def mind_the_place(first: str, context: JobContext, second: str = "b") -> list[str]:
    """Take the context between other arguments, and return these."""
    return [first, str(context.attempt), second]


@trial("asyncio")
async def mind_the_place_async(first: str, context: JobContext, second: str = "b") -> list[str]:
    """Take the context between other arguments, and return these."""
    return [first, str(context.attempt), second]


@trial()
def tell_too_much(context: JobContext) -> None:
    """Tell more than is kept."""
    _tell_too_much(context)


@trial("asyncio")
async def tell_too_much_async(context: JobContext) -> None:
    """Tell more than is kept."""
    _tell_too_much(context)


def _tell_too_much(context: JobContext) -> None:
    for number in range(1000):
        context.progress(number, 1000)
        context.log("line %d \x00 \ud800", number)
    context.progress(1000, 1000, "all of it")


@trial()
def wait_to_be_cancelled(label: str, context: JobContext | None = None) -> None:
    """Leave an effect, and ask the context again and again, until it says stop."""
    Effect.objects.create(label=label, pid=os.getpid())
    if context is not None:
        check(context)


@trial("asyncio")
async def wait_to_be_cancelled_async(label: str) -> None:
    """Leave an effect, and wait for very long."""
    await Effect.objects.acreate(label=label, pid=os.getpid())
    await asyncio.sleep(PATIENCE)


@trial("asyncio")
async def end_well_all_the_same_async(label: str) -> None:
    """Leave an effect, wait for very long, and take no notice of being cancelled."""
    try:
        await wait_to_be_cancelled_async(label)
    except asyncio.CancelledError:
        return


def check(context: JobContext) -> None:
    """Ask the context again and again, until it says stop."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        context.check()
        time.sleep(0.01)


def sleep(seconds: float) -> None:
    """Sleep in small steps, where Python can hear a signal."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        time.sleep(0.01)
