"""How much memory a process takes."""

from __future__ import annotations

import resource
import sys

_PAGE = resource.getpagesize()


def resident(pid: int | None = None) -> int | None:
    """Return the bytes of memory that a process (None: this one) holds; None where nobody tells.

    Of this process, where there is no /proc, the most that it has ever held.
    """
    sizes = _sizes("self" if pid is None else pid)
    if sizes is not None:
        return sizes[1]
    if pid is not None:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def address_space() -> tuple[int, int] | None:
    """Return the bytes that this process has mapped, and those that it holds."""
    return _sizes("self")


def _sizes(pid: int | str) -> tuple[int, int] | None:
    try:
        with open(f"/proc/{pid}/statm", "rb") as statm:
            mapped, held = statm.read().split()[:2]
    except OSError:  # it has ended, or this is no Linux
        return None
    return int(mapped) * _PAGE, int(held) * _PAGE
