"""What went wrong, as text that can be stored whatever it was."""

from __future__ import annotations

import traceback
from collections.abc import Callable

from django_jobs.outcomes import Fault

#: Characters of a message and of a traceback that are kept; of a traceback the end, where it broke.
MAX_MESSAGE = 2_000
MAX_TRACEBACK = 20_000
#: Frames of a traceback that are formatted: a runaway recursion has a thousand.
MAX_FRAMES = 60


def storable(text: str) -> str:
    """Return ``text`` without what PostgreSQL refuses: NUL and halves of surrogate pairs."""
    return text.replace("\x00", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()


def fault_of(error: BaseException) -> Fault:
    """Return what is kept of an exception. Never raise: ``str(error)`` is somebody's code."""
    kind = type(error)
    return Fault(
        exception=storable(f"{kind.__module__}.{kind.__qualname__}"),
        message=_guarded(lambda: str(error))[:MAX_MESSAGE],
        traceback=_guarded(lambda: _formatted(error))[-MAX_TRACEBACK:],
    )


def _formatted(error: BaseException) -> str:
    return "".join(traceback.format_exception(error, limit=-MAX_FRAMES))


def _guarded(text: Callable[[], str]) -> str:
    try:
        return storable(text())
    except Exception as error:  # the job's failure must be recorded even if it cannot be told
        return f"<{type(error).__name__} while describing the error>"
