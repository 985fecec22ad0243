"""A bell that any thread, and any signal handler, may ring."""

from __future__ import annotations

from contextlib import suppress
from queue import Empty, SimpleQueue


class Wake:
    """Wakes the one thread that waits. Ringing before the wait, or twice, counts as once.

    Not a threading.Event: a signal handler that rang one while the same thread was inside its
    lock would wait for itself for ever. SimpleQueue.put() is made for that.
    """

    def __init__(self) -> None:
        self._bell: SimpleQueue[None] = SimpleQueue()
        self._rung = False

    def ring(self) -> None:
        """Wake the waiting thread, now or when it next waits."""
        if not self._rung:
            self._rung = True
            self._bell.put(None)

    def wait(self, timeout: float) -> bool:
        """Wait until it rings, ``timeout`` seconds at most; return whether it rang."""
        rang = False
        with suppress(Empty):
            self._bell.get(timeout=max(0.0, timeout))
            rang = True
        # Before the caller looks at what has changed: whoever rings from now on is heard again.
        self._rung = False
        return rang
