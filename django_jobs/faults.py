"""What went wrong, as text that can be stored whatever it was."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from hashlib import sha256
from types import TracebackType

from django_jobs.outcomes import Fault

#: Characters of a message and of a traceback that are kept; of a traceback the end, where it broke.
MAX_MESSAGE = 2_000
MAX_TRACEBACK = 20_000
#: Frames of a traceback that are formatted: a runaway recursion has a thousand.
MAX_FRAMES = 60
#: Frames, from where it broke outwards, that tell one failure from another.
_TELLING_FRAMES = 8
#: Our own frames around a job's: they tell nobody anything.
_OURS = __name__.partition(".")[0] + "."


def storable(text: str) -> str:
    """Return ``text`` without what PostgreSQL refuses: NUL and halves of surrogate pairs."""
    return text.replace("\x00", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()


def told(error: BaseException) -> str:
    """Return the message of an exception as storable text. Never raise."""
    return _guarded(lambda: str(error))[:MAX_MESSAGE]


def fault_of(error: BaseException) -> Fault:
    """Return what is kept of an exception. Never raise: ``str(error)`` is somebody's code."""
    kind = type(error)
    exception = storable(f"{kind.__module__}.{kind.__qualname__}")
    return Fault(
        exception=exception,
        message=told(error),
        traceback=_guarded(lambda: _formatted(error))[-MAX_TRACEBACK:],
        fingerprint=fingerprint(exception, error.__traceback__),
    )


def fingerprint(exception: str, broke: TracebackType | None = None) -> str:
    """Return 16 hex digits: equal for errors of one type that were raised at one place.

    Functions and their modules count; messages and line numbers, which change from one failure or
    release to the next, do not.
    """
    told = "\n".join([exception, *list(_places(_theirs(broke)))[-_TELLING_FRAMES:]])
    return sha256(told.encode("utf-8", "replace")).hexdigest()[:16]


def _places(frames: TracebackType | None) -> Iterator[str]:
    last = ""
    while frames is not None:
        code = frames.tb_frame.f_code
        place = f"{frames.tb_frame.f_globals.get('__name__', '')}.{code.co_qualname}"
        if place != last:  # a recursion breaks sometimes here, sometimes deeper
            yield place
        last = place
        frames = frames.tb_next


def _theirs(frames: TracebackType | None) -> TracebackType | None:
    """Return a traceback from where the job's own code begins, or all of it."""
    inner = frames
    while inner is not None and _is_ours(inner):
        inner = inner.tb_next
    return inner or frames


def _is_ours(frame: TracebackType) -> bool:
    return str(frame.tb_frame.f_globals.get("__name__", "")).startswith(_OURS)


def _formatted(error: BaseException) -> str:
    frames = _theirs(error.__traceback__)
    return "".join(traceback.format_exception(type(error), error, frames, limit=-MAX_FRAMES))


def _guarded(text: Callable[[], str]) -> str:
    try:
        return storable(text())
    except BaseException as error:  # the job's failure must be recorded even if it cannot be told
        return f"<{type(error).__name__} while describing the error>"
