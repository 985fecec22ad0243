"""Which processes are whose children, read from /proc."""

from __future__ import annotations

from pathlib import Path


def children_of(parent: int) -> dict[int, str]:
    """Return the children of a process, dead ones that nobody has taken note of too: pid, state."""
    found = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            # The name, in brackets, may hold anything.
            state, ppid = stat.read_text().rpartition(")")[2].split()[:2]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(ppid) == parent:
            found[int(stat.parent.name)] = state
    return found
