"""What each kind of executor can run and enforce; asked when a job is declared."""

from __future__ import annotations

from dataclasses import dataclass

from django_jobs.exceptions import InvalidOption, UnsupportedOption, did_you_mean


@dataclass(frozen=True)
class Capabilities:
    """What one kind of executor supports."""

    name: str
    #: Runs plain functions.
    functions: bool = False
    #: Runs coroutine functions.
    coroutines: bool = False
    #: Stops a run that takes more memory than its limit.
    memory_limit: bool = False


EXECUTORS = {
    kind.name: kind
    for kind in (
        # Python cannot stop a thread, whatever it is doing: a timeout that is overrun is logged.
        Capabilities("thread", functions=True),
        # A coroutine that overruns its timeout is cancelled at its next await.
        Capabilities("asyncio", coroutines=True),
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
            f"leave executor out, or use 'asyncio'."
        )
    if not is_coroutine and not chosen.functions:
        raise UnsupportedOption(
            f"{function} is a plain function and executor={executor!r} runs coroutine functions "
            f"only: leave executor out, use 'thread', or write it with async def."
        )
    return chosen


def refuse_memory_limit(executor: Capabilities, function: str) -> None:
    """Raise UnsupportedOption unless ``executor`` can enforce a memory limit."""
    if not executor.memory_limit:
        raise UnsupportedOption(
            f"{function} runs in executor {executor.name!r}, which cannot limit memory."
        )
