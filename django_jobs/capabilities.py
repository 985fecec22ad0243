"""What each kind of executor can run and enforce; asked when a job is declared."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Literal

from django_jobs.exceptions import InvalidOption, UnsupportedOption, did_you_mean


@dataclass(frozen=True)
class Capabilities:
    """What one kind of executor supports."""

    name: str
    #: Runs plain functions.
    functions: bool = False
    #: Runs coroutine functions.
    coroutines: bool = False
    #: Ends a run at its timeout, whatever it is doing; others ask it to end, and may be ignored.
    hard_timeout: bool = False
    #: Ends a run that takes more memory than its limit.
    memory_limit: bool = False
    #: Runs the body, what it enqueues and its finish in one transaction.
    atomic: bool = False
    #: Has places of its own, fewer than its worker's concurrency.
    own_places: bool = False
    #: Takes jobs from any thread, so that one may follow another at once.
    lines_up: bool = False


#: As ``executor=`` names them.
Executor = Literal["thread", "asyncio", "process"]

EXECUTORS = {
    kind.name: kind
    for kind in (
        # Python cannot stop a thread, whatever it is doing: a job is asked, through its context.
        Capabilities("thread", functions=True, atomic=True, lines_up=True),
        # A coroutine that overruns its timeout is cancelled at its next await. Django's
        # transactions are for functions.
        Capabilities("asyncio", coroutines=True),
        # The kernel ends a process, also one that never looks up. Its memory is limited, and told,
        # where there is /proc.
        Capabilities(
            "process",
            functions=True,
            coroutines=True,
            hard_timeout=True,
            memory_limit=sys.platform == "linux",
            atomic=True,
            own_places=True,
        ),
    )
}


def choose(executor: str | None, *, is_coroutine: bool, function: str) -> Capabilities:
    """Return the executor a function runs in, or raise an error that says what fits."""
    if executor is None:
        return EXECUTORS["asyncio" if is_coroutine else "thread"]
    if executor not in EXECUTORS:
        raise InvalidOption(
            f"There is no executor {executor!r}.{did_you_mean(str(executor), EXECUTORS)} "
            f"There are: {', '.join(EXECUTORS)}."
        )
    chosen = EXECUTORS[executor]
    if is_coroutine and not chosen.coroutines:
        raise UnsupportedOption(
            f"{function} is a coroutine function and executor={executor!r} runs none: "
            f"leave executor out, or use 'asyncio' or 'process'."
        )
    if not is_coroutine and not chosen.functions:
        raise UnsupportedOption(
            f"{function} is a plain function and executor={executor!r} runs coroutine functions "
            f"only: leave executor out, use 'thread' or 'process', or write it with async def."
        )
    return chosen


def refuse_memory_limit(executor: Capabilities, function: str) -> None:
    """Raise UnsupportedOption unless ``executor`` can enforce a memory limit."""
    if not executor.memory_limit:
        raise UnsupportedOption(
            f"{function} runs in executor {executor.name!r}, which cannot limit memory: use "
            f"executor='process', on Linux."
        )


def refuse_atomic(executor: Capabilities, is_coroutine: bool, function: str) -> None:
    """Raise UnsupportedOption unless ``executor`` can run a function in one transaction."""
    if is_coroutine or not executor.atomic:
        raise UnsupportedOption(
            f"{function} cannot be atomic: it is a coroutine function, and Django's transactions "
            f"are for plain functions. Write it with def."
        )
