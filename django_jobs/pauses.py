"""How long to wait before a failed call to the database is tried again."""

from __future__ import annotations

import random

#: Seconds of the first wait at most, and of any.
FIRST, LONGEST = 0.1, 10.0


class Pauses:
    """Growing waits with full jitter, so that a fleet does not come back all at once."""

    def __init__(self) -> None:
        self._longest = FIRST

    def next(self) -> float:
        """Return the next wait in seconds."""
        pause = random.uniform(self._longest / 2, self._longest)
        self._longest = min(self._longest * 2, LONGEST)
        return pause

    def reset(self) -> None:
        """Begin anew: it has worked."""
        self._longest = FIRST
